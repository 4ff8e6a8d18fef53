//! A small file system of its own, to be filled up or made read-only under a running program.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A mounted file system in memory; unmounted and removed when dropped.
#[derive(Debug)]
pub struct Disk(TempDir);

impl Disk {
    /// Mounts one of this size, in the words of tmpfs (`4m`). `None`, with a sentence on standard error, when this
    /// process may not mount anything.
    ///
    /// # Panics
    /// When there is no temporary folder.
    pub fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("charon-disk-").tempdir().expect("a temporary folder");
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                eprintln!("skipped: only root may mount a small file system");
                None
            }
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Changes its options: `ro`, `rw`.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let done = Command::new("mount").args(["-o", &options]).arg(self.path()).status();
        assert!(done.expect("the mount command").success(), "the file system was not remounted {options}");
    }

    /// Takes every free page by another file, [`Disk::free`] gives them back.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn fill(&self) {
        let mut chunk = 1 << 20;
        let mut file =
            File::options().create(true).append(true).open(self.filler()).expect("a file to fill with");
        while chunk >= 512 {
            if file.write_all(&vec![1; chunk]).is_err() {
                chunk /= 2;
            }
        }
    }

    /// Undoes [`Disk::fill`].
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the file that fills the disk");
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
