import { expect, test } from "vitest";
import { agentName, profileSchema } from "./values";

test("a changed e-mail needs the current password", () => {
  const schema = profileSchema("a@example.com");
  expect(schema.safeParse({ name: "A", email: "a@example.com", current_password: "" }).success).toBe(true);
  expect(schema.safeParse({ name: "A", email: "b@example.com", current_password: "" }).success).toBe(false);
});

test("a session is named by browser and system", () => {
  expect(agentName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe(
    "Firefox, Linux",
  );
  expect(agentName("strange")).toBeNull();
});
