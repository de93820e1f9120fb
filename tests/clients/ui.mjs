// Opens MLflow's web UI in headless Chromium as a person would, by a link, and says what it shows.
// usage: ui.mjs CHROMIUM LINK TEXT SCREENSHOT.png   waits until the page shows TEXT; prints the URLs that were refused
import { chromium } from 'playwright-core';

const [executablePath, link, text, path] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  chromiumSandbox: process.getuid() !== 0,
  args: [
    '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
    '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const refused = [];
  page.on('response', (answer) => {
    if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.url()}`);
  });
  page.setDefaultTimeout(60_000);
  await page.goto(link);
  await page.getByText(text).first().waitFor();
  await page.screenshot({ path });
  console.log(JSON.stringify({ url: page.url(), refused, cookies: await page.context().cookies() }));
} finally {
  await browser.close();
}
