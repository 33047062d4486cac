// A person signs in at the organization's provider, and a colleague with the link of an invitation.

import { strict as assert } from "node:assert";
import { run } from "./house.mjs";

const { PROVIDER, INVITATION } = process.env;

await run(async (house) => {
  const { page } = house;
  // The page that was asked for is shown after the sign-in.
  await page.goto("/runs");
  await house.look("sign-in with a provider");
  await house.press("link", `Sign in with ${new URL(`http://${PROVIDER}`).hostname}`);
  await page.waitForURL("**/runs");
  await page.getByText("anna@example.com").first().waitFor();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Runs" }).waitFor();
  await house.press("button", "Sign out");
  await page.waitForURL("**/login");

  await page.goto(`/login?code=${INVITATION}`);
  await house.look("sign-in with an invitation");
  await house.press("button", "Sign in with the code");
  await page.waitForURL("**/overview");
  await page.getByText(/\bben\b/).first().waitFor();
  await page.context().clearCookies();
  await page.goto(`/login?code=${INVITATION}`);
  await house.press("button", "Sign in with the code");
  await page.getByRole("alert").filter({ hasText: "already used" }).waitFor();
  assert.ok(page.url().endsWith("/login"));
});
