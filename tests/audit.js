// Audits HTML pages with axe-core at level AA, narrow and wide, light and dark.
// node audit.js CHROMIUM PAGE…   prints one JSON object: page -> list of complaints
const fs = require('fs');
const path = require('path');
const { chromium } = require('playwright-core');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function complaints(page) {
  await page.evaluate(AXE);
  const values = { runOnly: { type: 'tag', values: TAGS } };
  const found = await page.evaluate((options) => window.axe.run(document, options), values);
  const said = found.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`);
  const hidden = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return hidden > 0 ? [...said, `the page is ${hidden} pixels too wide`] : said;
}

(async () => {
  const [program, ...files] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath: program, args: ['--headless', '--no-sandbox', '--disable-gpu'],
  });
  const report = {};
  for (const file of files) {
    report[file] = [];
    for (const [colorScheme, width] of [['light', 390], ['dark', 1100]]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
      const page = await context.newPage();
      await page.goto('file://' + path.resolve(file));
      const said = await complaints(page);
      report[file].push(...said.map((s) => `${colorScheme}, ${width} wide: ${s}`));
      await context.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(report));
})().catch((error) => { console.error(error); process.exit(1); });
