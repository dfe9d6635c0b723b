/* SPDX-License-Identifier: Apache-2.0 */
/* node tests/browser/run.js [word ...]: every test, or those whose name has one of the words. */
"use strict";

const fs = require("fs");
const path = require("path");
const { Console, INCLUDES, ROOT, compress } = require("./console.js");
const { MODULES, Place, SHOTS } = require("./kit.js");
const test_api = require("./test_api.js");

const words = process.argv.slice(2);
const counts = { passed: 0, failed: 0 };

async function run(name, fn) {
	if (words.length > 0 && !words.some((w) => name.includes(w))) {
		return;
	}
	const started = Date.now();
	try {
		await fn();
		counts.passed++;
		console.log(`  ok      ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
	} catch (e) {
		counts.failed++;
		console.log(`  FAILED  ${name}\n${String(e && e.stack || e).split("\n").slice(0, 14).map((l) => "          " + l).join("\n")}`);
	}
}

async function main() {
	fs.mkdirSync(SHOTS, { recursive: true });
	for (const [name, fn] of require("./test_core.js")) {
		await run(name, fn);
	}
	for (const name of [...INCLUDES, "page/zmferry_page.js"]) {
		await run(`the YUI compressor takes ${name}`, () => compress(path.join(ROOT, "zimlet", name), MODULES));
	}
	await run("the YUI compressor refuses what it must: the check can fail", () => {
		const file = path.join(SHOTS, "not-es5.js");
		fs.writeFileSync(file, "var f = (x) => x;\n");
		let refused = false;
		try {
			compress(file, MODULES);
		} catch (ignore) {
			refused = true;
		}
		if (!refused) {
			throw new Error("an arrow function passed");
		}
	});
	await run("no file of the zimlet builds markup out of strings", () => {
		for (const name of [...INCLUDES, "page/zmferry_page.js"]) {
			const text = fs.readFileSync(path.join(ROOT, "zimlet", name), "utf-8");
			const found = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/.exec(text);
			if (found) {
				throw new Error(`${name}: ${found[0]}`);
			}
		}
	});

	const place = await new Place().up();
	const host = new Console(place, MODULES);
	await host.start();
	const { chromium } = require(path.join(MODULES, "playwright-core"));
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox",
		`--host-resolver-rules=MAP ${place.controller.host} ${place.controller.address}, MAP ${place.console.host} ${place.console.address}`] });
	const slow = test_api.slow_client(place);
	try {
		for (const [name, fn] of test_api(place)) {
			await run(name, fn);
		}
		for (const [name, fn] of require("./test_pages.js")(place, host, browser)) {
			await run(name, fn);
		}
		await run("a client that drips its request is dropped", async () => {
			const ms = await slow;
			if (ms < 20000 || ms > 70000) {
				throw new Error(`dropped after ${ms} ms`);
			}
		});
		await run("nothing complained: no sanitizer, no handle left open, no broken rule", async () => {
			const found = await place.do("complaints");
			if (found.length > 0) {
				throw new Error(found.slice(0, 10).join("\n"));
			}
		});
	} finally {
		await browser.close();
		host.stop();
		await place.down();
	}
}

main().catch((e) => {
	counts.failed++;
	console.log(`  FAILED  ${e.stack || e}`);
}).finally(() => {
	console.log(`${counts.passed} passed, ${counts.failed} failed`);
	process.exit(counts.failed === 0 ? 0 : 1);
});
