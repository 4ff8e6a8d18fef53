//! Walks through the UI in a real Chromium. A walk is a script for playwright-core (which finds things as a
//! person does, by label and role, and waits for them); the packages come from `web/node_modules`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs the script `tests/walks/NAME.mjs` with `settings` in its environment.
///
/// # Panics
/// When the script fails or Chromium is missing, with the script's output.
pub fn walk(name: &str, settings: &[(&str, String)]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let script = root.join("tests/walks").join(format!("{name}.mjs"));
    assert!(
        root.join("web/node_modules/playwright-core").is_dir(),
        "the UI's packages are missing; run `scripts/ui.sh packages`"
    );
    let output = Command::new("node")
        .arg(&script)
        .env("CHROMIUM", chromium())
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .expect("node cannot be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    eprintln!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "the walk '{name}' failed: {}", output.status);
}

fn chromium() -> PathBuf {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
        .expect("Chromium is missing; run `scripts/setup.sh test`")
}
