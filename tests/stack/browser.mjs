// Signs a person in with headless Chromium: fills in the provider's forms until the client's own page comes, or, with
// the code of a device (RFC 8628), until there is none left.
// usage: browser.mjs SETTINGS.json AUTHORIZATION_URL
//        browser.mjs SETTINGS.json VERIFICATION_URI USER_CODE
import { appendFileSync, readFileSync } from 'node:fs';

import { chromium } from 'playwright-core';

const [settingsFile, address, userCode] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(settingsFile, 'utf8'));
const { user, password, deny, screenshots } = settings;
const redirectUri = userCode ? null : new URL(new URL(address).searchParams.get('redirect_uri'));

const log = (entry) => appendFileSync(settings.log, `${JSON.stringify({ pid: process.pid, ...entry })}\n`);
const isCallback = (url) => !userCode && url.host === redirectUri.host && url.pathname === redirectUri.pathname;

// [selector that tells the form, what to do with it]: first node oidc-provider's, then Keycloak's
const forms = [
  ['input[name=user_code]:not([type=hidden])', async (page) => {
    await page.fill('input[name=user_code]', userCode);
    await page.press('input[name=user_code]', 'Enter');
  }],
  ['form[id="op.deviceConfirmForm"]', (page) => page.click('button[form="op.deviceConfirmForm"][type=submit]')],
  ['input[name=device_user_code]', async (page) => {
    await page.fill('input[name=device_user_code]', userCode);
    await page.press('input[name=device_user_code]', 'Enter');
  }],
  ['input[name=login]', async (page) => {
    await page.fill('input[name=login]', user);
    await page.fill('input[name=password]', password);
    await page.click('button[type=submit]');
  }],
  ['input[name=prompt][value=consent]', (page) => page.click(deny ? 'a[href$="/abort"]' : 'button[type=submit]')],
  ['#kc-form-login', async (page) => {
    log({ event: 'form', user: await page.inputValue('#username') });
    await page.fill('#username', user);
    await page.fill('#password', password);
    await page.click('#kc-login');
  }],
  ['#kc-oauth', (page) => page.click(deny ? '#kc-cancel' : '#kc-login')],
];

async function signIn(page) {
  let codes = 0;
  await page.goto(address);
  for (let step = 0; step < 8; step += 1) {
    if (isCallback(new URL(page.url()))) return;
    const found = [];
    for (const form of forms) if (await page.locator(form[0]).count()) found.push(form);
    // a page without a form is the last one, and so is that of another code after a refusal
    if (userCode && step > 0 && (found.length === 0 || (codes > 0 && found[0] === forms[0]))) return;
    codes += found[0] === forms[0];
    if (found.length !== 1) break;
    await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), found[0][1](page)]);
  }
  throw new Error(`stopped at ${page.url()}: ${await page.innerText('body')}`);
}

log({ event: 'start', address });
const browser = await chromium.launch({
  executablePath: settings.chromium,
  chromiumSandbox: process.getuid() !== 0,
  args: [
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-quic', '--no-first-run',
    '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 640 } });
  page.setDefaultTimeout(30_000);
  await signIn(page);
  for (const colorScheme of screenshots ? ['light', 'dark'] : []) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${screenshots}-${colorScheme}.png` });
  }
  log({ event: 'end', title: await page.title(), text: await page.innerText('body') });
} catch (error) {
  log({ event: 'failure', message: error.message });
  process.exitCode = 1;
} finally {
  await browser.close();
}
