/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an administrator sees and presses, in Chromium: the zimlet in the console's host page and
 * the controller's own page, in the order in which a day might go.
 */
"use strict";

const assert = require("assert");
const fs = require("fs");
const path = require("path");
const { COOKIE, login, soap } = require("./console.js");
const { SHOTS } = require("./kit.js");

module.exports = (place, host, browser) => {
	const nodes = place.nodes.map((n) => n.host);
	let page = null;         /* of the console, with the dashboard, kept between tests */

	const shot = (p, name, more) => p.screenshot({ path: path.join(SHOTS, `${name}.png`), ...more });

	async function open_page(context_options) {
		const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1320, height: 860 }, ...context_options });
		const p = await context.newPage();
		p.problems = [];
		p.on("pageerror", (e) => p.problems.push(String(e)));
		p.on("console", (m) => { if (m.type() === "error" && !/Failed to load resource|net::ERR/.test(m.text())) { p.problems.push(m.text()); } });
		return p;
	}

	/* The console as this administrator has it, with a cookie that scripts cannot read. */
	async function open_console(who, query) {
		const p = await open_page();
		const token = await login(place, who);
		await p.context().addCookies([{ name: COOKIE, value: token, domain: place.console.host, path: "/", httpOnly: true, secure: true }]);
		await p.goto(`${place.console_url}/zimbraAdmin/?${query || ""}`);
		return p;
	}

	async function dashboard(p) {
		await p.getByRole("button", { name: /Mailbox Moves|Postfach-Umzüge/ }).first().click();
		await p.locator(".zmf-is-live").waitFor();
	}

	async function alone(who, lang) {
		const p = await open_page();
		await p.goto(`${place.url}/${lang ? "?lang=" + lang : ""}`);
		if (who) {
			await p.locator("input[name=name]").fill(who.name);
			await p.locator("input[name=password]").fill(who.password);
			await p.keyboard.press("Enter");
			await p.locator(".zmf-is-live").waitFor();
		}
		return p;
	}

	const harmless = async (p) => {
		assert.equal(await p.evaluate(() => window.hacked), undefined);
		assert.equal(await p.locator("img").count(), 0);
		assert.deepEqual(p.problems, []);
	};

	const tests = [
		["the console starts with the zimlet: a node under Monitor, no errors", async () => {
			assert.equal(await page.locator("#tree .leaf[data-parent='Home%Monitor']").textContent(), "Mailbox Moves");
			assert.deepEqual(await page.evaluate(() => window.host.errors), []);
			assert.deepEqual(page.problems, []);
		}],
		["the dashboard shows every node, live", async () => {
			await dashboard(page);
			assert.equal(await page.locator("tr[data-node]").count(), 3);
			for (const name of nodes) {
				assert.match(await page.locator(`tr[data-node="${name}"]`).innerText(), /Healthy[\s\S]*connected/);
			}
			await page.locator("h1").first().waitFor();
			await shot(page, "dashboard-idle");
		}],
		["the page's token never stands in an address and is not kept", async () => {
			const kept = await page.evaluate(() => JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]));
			assert.ok(!kept.includes("0_"), kept);
			const urls = await page.evaluate(() => performance.getEntriesByType("resource").map((e) => e.name));
			assert.ok(urls.some((u) => u.startsWith(place.url)) && urls.every((u) => !/[0-9a-f]{40}/.test(u)), urls.join(" "));
		}],
		["Configure > Servers: right-click, gear and bar offer it, on mailbox servers only", async () => {
			await page.getByRole("button", { name: "Servers" }).click();
			await page.getByText("proxy.example.test").click({ button: "right" });
			assert.equal(await page.locator(".menu .item", { hasText: "Evacuate…" }).isDisabled(), true);
			assert.equal(await page.locator("#bar button[data-op='Evacuate…']").isDisabled(), true);
			await page.locator(".row", { hasText: nodes[0] }).click({ button: "right" });
			await shot(page, "servers-menu");
			assert.equal(await page.locator("#bar button[data-op='Evacuate…']").isDisabled(), false);
			assert.equal(await page.locator(".menu .item", { hasText: "Evacuate…" }).isDisabled(), false);
			await page.keyboard.press("Escape");
			await page.getByRole("button", { name: "Menu" }).click();
			assert.equal(await page.locator(".menu .item", { hasText: "Evacuate…" }).count(), 1);
			assert.deepEqual(await page.locator(".menu .item").allTextContents(),
				["Evacuate…", "Bring back…", "Fill…", "Cordon or uncordon…", "Remove…"]);
			assert.equal(await page.locator("#bar button[data-op]").count(), 2, "one button in the bar beside Help");
			await page.keyboard.press("Escape");
		}],
		["a server's own view has the same in its gear, for that server", async () => {
			await page.getByRole("button", { name: "Servers" }).click();
			await page.getByText("proxy.example.test").dblclick();
			await page.getByRole("button", { name: "Menu" }).click();
			for (const item of await page.locator(".menu .item").all()) {
				assert.equal(await item.isDisabled(), true, `${await item.textContent()} at a server without mailboxes`);
			}
			await page.getByRole("button", { name: "Servers" }).click();
			await page.locator(".row", { hasText: nodes[1] }).dblclick();
			for (const [item, title] of [["Evacuate…", /Evacuate mbs2/], ["Bring back…", /mbs2/], ["Fill…", /mbs2/], ["Remove…", /mbs2/],
				["Cordon or uncordon…", /Keep new accounts off mbs2/]]) {
				await page.getByRole("button", { name: "Menu" }).click();
				await shot(page, "server-menu");
				await page.locator(".menu .item", { hasText: item }).click();
				const dialog = page.getByRole("dialog");
				await dialog.waitFor();
				assert.match(await dialog.locator("h2").first().textContent(), title, item);
				await dialog.locator("input[name=confirm], .zmf-problem, .zmf-primary, .zmf-plan-summary").first().waitFor();
				await page.keyboard.press("Escape");
				assert.equal(await dialog.count(), 0);
				await page.getByRole("button", { name: "Servers" }).click();
				await page.locator(".row", { hasText: nodes[1] }).dblclick();
			}
			await harmless(page);
		}],
		["a server is cordoned and uncordoned, from its row; nothing is moved", async () => {
			const cordons = async () => JSON.parse((await place.do("zmferry", { args: ["cordons", "--json"] })).out).cordons;
			await dashboard(page);
			await page.getByRole("button", { name: `Keep new accounts off ${nodes[2]}` }).click();
			await shot(page, "cordon");
			await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
			assert.deepEqual(await cordons(), []);
			await page.getByRole("button", { name: `Keep new accounts off ${nodes[2]}` }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Cordon" }).click();
			await page.getByRole("button", { name: `Let new accounts land on ${nodes[2]} again` }).waitFor();
			const now = await cordons();
			assert.deepEqual(now.map((c) => [c.node, c.who]), [[nodes[2], place.admin.name]]);
			await page.getByRole("button", { name: `Let new accounts land on ${nodes[2]} again` }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Uncordon" }).click();
			await page.getByRole("button", { name: `Keep new accounts off ${nodes[2]}` }).waitFor();
			assert.deepEqual(await cordons(), []);
			assert.equal(JSON.parse((await place.do("zmferry", { args: ["jobs", "--json"] })).out).jobs.length, 0);
			await harmless(page);
		}],
		["a plan is shown first; nothing starts before the name is typed", async () => {
			const sent = [];
			page.on("request", (r) => { if (r.method() === "POST" && r.url().endsWith("/v1/jobs")) { sent.push(r.url()); } });
			await page.getByRole("button", { name: "Servers" }).click();
			await page.locator(".row", { hasText: nodes[0] }).click();
			await page.locator("#bar button[data-op='Evacuate…']").click();
			const dialog = page.getByRole("dialog");
			await dialog.locator("input[name=confirm]").waitFor();
			assert.match(await dialog.locator(".zmf-plan-summary").textContent(), /\d+ mailboxes .* leave mbs1\.example\.test for 2 servers/);
			assert.equal(await dialog.locator(".zmf-bars li").count(), 3);
			await dialog.getByText(/Who goes where/).click();
			assert.ok(await dialog.getByText(place.hostile).count() > 0, "the account with markup in its name is in the plan, as text");
			await shot(page, "plan");
			const start = dialog.locator("button[data-action=start]");
			assert.equal(await start.isDisabled(), true);
			await dialog.locator("input[name=confirm]").fill("MBS1");
			assert.equal(await start.isDisabled(), true);
			await page.keyboard.press("Enter");
			await dialog.locator("input[name=confirm]").fill("mbs1");
			assert.equal(await start.isDisabled(), false);
			await page.keyboard.press("Escape");
			assert.equal(await dialog.count(), 0);
			assert.deepEqual(sent, []);
			await harmless(page);
		}],
		["focus stays in a dialog and goes back to where it was", async () => {
			await dashboard(page);
			const button = page.getByRole("button", { name: `Evacuate ${nodes[1]}` });
			await button.focus();
			await page.keyboard.press("Enter");
			await page.locator("input[name=confirm]").waitFor();
			for (let i = 0; i < 12; i++) {
				await page.keyboard.press("Tab");
				assert.ok(await page.evaluate(() => document.activeElement.closest("[role=dialog]") !== null), `after ${i + 1} tabs`);
			}
			await page.keyboard.press("Escape");
			assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), `Evacuate ${nodes[1]}`);
		}],
		["a delegated administrator without the right sees, and cannot press; the reason is there", async () => {
			const p = await open_console(place.helpdesk, "language=en&global=0");
			await dashboard(p);
			const button = p.getByRole("button", { name: `Evacuate ${nodes[0]}` });
			assert.equal(await button.isDisabled(), true);
			assert.match(await button.getAttribute("title"), /moveMailboxFromServer/);
			await shot(p, "missing-right");
			await p.context().close();
		}],
		["an administrator without any right is told so, and sees nothing", async () => {
			const p = await open_console(place.nobody, "language=en&global=0");
			await p.getByRole("button", { name: "Mailbox Moves" }).click();
			await p.getByText(/has no right on any mailbox server/).waitFor();
			assert.equal(await p.locator("tr[data-node]").count(), 0);
			await shot(p, "no-right");
			await p.context().close();
		}],
		["a right taken away between seeing and pressing stops it, and is named", async () => {
			for (const right of ["moveMailboxFromServer", "moveMailboxToServer"]) {
				for (const server of nodes) {
					await place.do("grant", { name: place.helpdesk.name, server, right });
				}
			}
			const p = await open_console(place.helpdesk, "language=en&global=0");
			await dashboard(p);
			await p.getByRole("button", { name: `Evacuate ${nodes[0]}` }).click();
			await p.locator("input[name=confirm]").fill("mbs1");
			await place.do("revoke", { name: place.helpdesk.name, server: nodes[2], right: "moveMailboxToServer" });
			await p.keyboard.press("Enter");
			await p.getByText(/no right moveMailboxToServer on mbs3/).waitFor();
			await shot(p, "right-gone");
			const jobs = await place.do("zmferry", { args: ["jobs", "--json"] });
			assert.equal(JSON.parse(jobs.out).jobs.length, 0);
			await p.context().close();
		}],
		["the controller's own page: a wrong password is said, the right one shows the dashboard", async () => {
			const p = await alone(null);
			await shot(p, "login");
			await p.locator("input[name=name]").fill(place.admin.name);
			await p.locator("input[name=password]").fill("wrong");
			await p.keyboard.press("Enter");
			await p.getByText(/does not know this name with this password/).waitFor();
			await p.locator("input[name=password]").fill(place.admin.password);
			await p.keyboard.press("Enter");
			await p.locator(".zmf-is-live").waitFor();
			await shot(p, "alone");
			assert.deepEqual(p.problems, []);
			await p.getByRole("button", { name: "Sign out" }).click();
			await p.locator("input[name=password]").waitFor();
			await p.context().close();
		}],
		["an operator's certificate in the browser is nobody's: the page signs in all the same", async () => {
			const pem = path.join(SHOTS, "place", "browser-operator.pem");
			fs.rmSync(pem, { force: true });
			const made = await place.do("zmferry", { args: ["operator", "enroll", "browser", "--out", pem] });
			assert.equal(made.code, 0, JSON.stringify(made));
			const url = `https://${place.controller.address}:${place.controller.port}`;    /* what shows it asks no DNS of ours */
			const shown = { origin: url, certPath: pem, keyPath: pem };
			const direct = await place.api("GET", "/v1/status", { cert: fs.readFileSync(pem) });
			assert.equal(direct.status, 200, "the certificate is good: " + direct.text);
			const p = await open_page({ clientCertificates: [shown] });
			await p.goto(`${url}/`);
			await p.locator("input[name=password]").waitFor();
			for (const [method, at] of [["GET", "/v1/status"], ["GET", "/v1/operators"], ["POST", "/v1/jobs/j1/cancel"]]) {
				const status = await p.evaluate(([m, u]) => fetch(u, { method: m, headers: { "Content-Type": "application/json" },
					body: m === "POST" ? "{}" : undefined }).then((r) => r.status), [method, at]);
				assert.ok(status === 401 || status === 403, `${method} ${at}: ${status}`);
			}
			await p.context().close();
			await place.do("zmferry", { args: ["operator", "revoke", "browser"] });
		}],
		["the same page in German", async () => {
			const p = await alone(place.admin, "de");
			await p.getByRole("button", { name: `${nodes[0]} räumen` }).click();
			await p.getByText("Was man merkt").waitFor();
			await shot(p, "german");
			await p.context().close();
		}],
		["a whole evacuation, from the typed name to its verdict", async () => {
			await place.do("lab", { args: ["cost", "all", "import_item_ms=25"] });
			await dashboard(page);
			await page.getByRole("button", { name: `Evacuate ${nodes[0]}` }).click();
			await page.locator("input[name=confirm]").fill("mbs1");
			await page.keyboard.press("Enter");
			await page.locator("article[data-job=j1]").waitFor();
			await page.getByText(/Job j1 has begun/).first().waitFor();
			assert.equal(await page.getByRole("button", { name: `Evacuate ${nodes[0]}` }).isDisabled(), true);
			await page.getByRole("button", { name: "Pause j1" }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
			await page.locator(".zmf-job-paused").waitFor();
			await page.locator(".zmf-stall").waitFor();
			await shot(page, "paused");
			await page.getByRole("button", { name: "Resume j1" }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
			await page.locator(".zmf-job-moving").waitFor();
			await page.getByRole("button", { name: "Show mailboxes" }).click();
			await page.locator(".zmf-move-table tbody tr").first().waitFor();
			await page.waitForFunction(() => Number(document.querySelector("article[data-job=j1] [role=progressbar]").getAttribute("aria-valuenow")) >= 40);
			await shot(page, "running", { fullPage: false });
			const home = await open_console(place.admin, "language=en");
			await home.getByText(/Mailboxes are being moved/).waitFor();
			await shot(home, "home-strip");
			await home.context().close();
			await page.locator(".zmf-job-done").waitFor({ timeout: 240000 });
			await shot(page, "done");
			assert.match(await page.locator(".zmf-job-done .zmf-verdict").textContent(), /verified, nothing missing/);
			const seen = JSON.parse((await place.do("zmferry", { args: ["job", "show", "j1", "--json"] })).out);
			assert.equal(seen.job.state, "done");
			assert.equal(seen.job.moves_clean, seen.job.moves_total);
			assert.equal(seen.job.who, place.admin.name);
			await harmless(page);
		}],
		["an emptied node is brought back, or taken out: both show what that means first", async () => {
			await dashboard(page);
			await page.getByRole("button", { name: `Take ${nodes[0]} out of the cluster` }).click();
			const dialog = page.getByRole("dialog");
			await dialog.locator("input[name=confirm]").waitFor();
			assert.match(await dialog.innerText(), /Its volumes stay/);
			assert.ok(await dialog.locator(".zmf-removal li[data-level=does]").count() > 0, "what the directory says of it");
			assert.match(await dialog.innerText(), /zmproxyctl restart/);
			await shot(page, "plan-remove");
			await page.keyboard.press("Escape");
			await page.getByRole("button", { name: `Bring everybody back to ${nodes[0]}` }).click();
			await dialog.locator("input[name=confirm]").waitFor();
			assert.match(await dialog.locator(".zmf-plan-summary").textContent(), /\d+ mailboxes .* move to mbs1\.example\.test/);
			assert.match(await dialog.innerText(), /About .* in all; a mailbox is locked about/);
			await shot(page, "plan-restore");
			await dialog.locator("input[name=confirm]").fill("mbs1");
			await page.keyboard.press("Enter");
			await page.locator("article[data-job=j2]").waitFor();
			await page.locator("article[data-job=j2].zmf-job-done, article[data-job=j2] .zmf-job-done, .zmf-job-done[data-job=j2]").first()
				.waitFor({ timeout: 240000 });
			const seen = JSON.parse((await place.do("zmferry", { args: ["job", "show", "j2", "--json"] })).out);
			assert.equal(seen.job.kind, "restore");
			assert.equal(seen.job.state, "done");
			await harmless(page);
		}],
		["what was done is written down: who, from where, with which plan", async () => {
			const events = JSON.parse((await place.do("zmferry", { args: ["events", "--json"] })).out).events;
			const audit = events.filter((e) => e.level === "audit").map((e) => e.text).join("\n");
			assert.match(audit, new RegExp(`${place.admin.name} at 127\\.[0-9.]+ via ${place.console_url}: evacuate mbs1\\.example\\.test, plan [0-9a-f]{16}: done`));
			assert.match(audit, /pause j1/);
			assert.match(audit, /helpdesk@example\.test .* refused: .*moveMailboxToServer/);
		}],
		["the same key again begins nothing new; another request with it is refused", async () => {
			await dashboard(page);
			const bearer = await place.session(place.admin);
			const plan = (await place.api("POST", "/v1/plans", { bearer, body: { kind: "evacuate", node: "mbs2" } })).data.plan;
			const headers = { "Idempotency-Key": "twice-1", "If-Match": `"${plan.version}"` };
			const body = { kind: "evacuate", node: "mbs2", to: ["mbs3"] };
			const other = (await place.api("POST", "/v1/plans", { bearer, body })).data.plan;
			headers["If-Match"] = `"${other.version}"`;
			const first = await place.api("POST", "/v1/jobs", { bearer, body, headers });
			require("./test_api.js").agrees(first, "/v1/jobs", "post", 201);
			const again = await place.api("POST", "/v1/jobs", { bearer, body, headers });
			assert.equal(again.status, 201);
			assert.equal(again.data.job.id, first.data.job.id);
			const misuse = await place.api("POST", "/v1/jobs", { bearer, body: { ...body, to: ["mbs1"] }, headers });
			assert.equal(misuse.status, 422);
			const cancelled = await place.api("POST", `/v1/jobs/${first.data.job.id}/cancel`, { bearer, body: {} });
			require("./test_api.js").agrees(cancelled, "/v1/jobs/{id}/cancel", "post", 200);
			await page.locator(`article[data-job=${first.data.job.id}].zmf-job-cancelled`).waitFor({ timeout: 120000 });
			await shot(page, "stopped");
		}],
		["a session that ended is exchanged anew without a word", async () => {
			await dashboard(page);
			await place.do("stop controller");
			await place.do("start controller");
			await page.locator(".zmf-is-live").waitFor({ timeout: 60000 });
			const before = await page.evaluate(() => performance.now());
			await page.getByRole("button", { name: "Refresh" }).click();
			await page.waitForFunction((t) => performance.getEntriesByType("resource").some((e) => e.name.endsWith("/v1/overview") && e.startTime > t), before);
			assert.equal(await page.locator("tr[data-node]").count(), 3);
		}],
		["the controller away: the old state is shown as old, nothing can be pressed, and it comes back", async () => {
			await dashboard(page);
			await place.do("stop controller");
			await page.locator(".zmf-is-old").waitFor({ timeout: 60000 });
			await page.getByText("This is an old state.").waitFor();
			assert.equal(await page.locator(".zmf-strip a").getAttribute("href"), place.url);
			assert.equal(await page.locator(".zmf-page.zmf-old").count(), 1);
			for (const button of await page.locator(".zmf-table button, .zmf-buttons button").all()) {
				assert.equal(await button.isDisabled(), true);
			}
			await shot(page, "controller-away");
			const fresh = await open_console(place.admin, "language=en");
			await fresh.getByRole("button", { name: "Mailbox Moves" }).click();
			await fresh.getByText("Nothing can be shown.").waitFor();
			await shot(fresh, "controller-never-seen");
			assert.deepEqual(fresh.problems, []);
			await fresh.context().close();
			await place.do("start controller");
			await page.locator(".zmf-is-live").waitFor({ timeout: 90000 });
		}],
		["names full of markup are only ever text", async () => {
			const evil = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=2</script>";
			const p = await alone(place.admin);
			await p.evaluate((text) => {
				const real = window.fetch.bind(window);
				const spoil = { "/v1/overview": (data) => {
					data.nodes[0].name = data.nodes[0].note = data.nodes[0].version = text;
					data.alerts = [{ at: "2026-01-01T00:00:00.000Z", subject: text, text, next: text },
						{ at: "2026-01-01T00:00:00.000Z", subject: "x", text: "mail of somebody is stuck", next: "when the cause is gone: zmferry job retry j1" }];
					data.jobs.forEach((j) => { j.node = j.who = j.reason = j.stall = text; j.targets.forEach((t) => { t.node = text; }); });
				}, "/v1/moves": (data) => {
					data.moves.forEach((m) => { m.account = m.target = m.error = m.doing = m.holds = m.next = text; m.state = "stuck"; });
				} };
				window.ZmFerryNet.Client.prototype.call = (function (call) {
					return function (...all) {
						this.etags = {};
						this.fetch = async (url, init) => {
							const answer = await real(url, init), change = spoil[url.split("?")[0]];
							if (!change || answer.status !== 200) { return answer; }
							const data = await answer.json();
							change(data);
							return new Response(JSON.stringify(data), { status: 200 });
						};
						return call.apply(this, all);
					};
				}(window.ZmFerryNet.Client.prototype.call));
			}, evil);
			await p.getByRole("button", { name: "Refresh" }).click();
			await p.getByText(evil).first().waitFor();
			await p.getByRole("button", { name: "Show mailboxes" }).first().click();
			await p.locator(".zmf-move-table tbody tr").first().waitFor();
			await p.getByRole("button", { name: "Retry j1" }).first().waitFor();
			await shot(p, "hostile", { fullPage: true });
			assert.ok(await p.getByText(evil).count() > 5);
			await harmless(p);
			await p.context().close();
		}],
		["an alert is acknowledged and silenced from the page", async () => {
			const p = await alone(place.admin);
			const asked = [];
			await p.exposeFunction("asked", (what) => asked.push(what));
			await p.evaluate(() => {
				const row = { id: 7, key: "node_down", severity: "critical", at: "2026-01-01T00:00:00.000Z", subject: "node:x", node: "",
					text: "node x is down", meaning: "Nobody reads mail on it.", did: "Nothing was moved.", next: "zmferry nodes",
					comes_and_goes: false, acked_by: "", acked_at: "", silenced_by: "", silenced_until: "", sent: [] };
				window.ZmFerryNet.Client.prototype.call = (function (call) {
					return function (method, path, body, extra, done) {
						const self = this;
						if (path.indexOf("/v1/alerts/7/") === 0) {
							window.asked([method, path, body]);
							row.acked_by = "a@b";
							row.acked_at = row.at;
							done(null, { alert: row });
							return;
						}
						this.etags = {};
						call.call(self, method, path, body, extra, (problem, data) => {
							if (data && data.alerts) { data.alerts = [row]; }
							done(problem, data);
						});
					};
				}(window.ZmFerryNet.Client.prototype.call));
			});
			await p.getByRole("button", { name: "Refresh" }).click();
			await p.getByText("Critical: ").waitFor();
			await p.getByText("Nobody reads mail on it. Nothing was moved.").waitFor();
			await p.getByRole("button", { name: "I have it in hand" }).click();
			await p.getByText("acknowledged by a@b").waitFor();
			assert.equal(await p.getByRole("button", { name: "I have it in hand" }).count(), 0);
			await p.getByRole("button", { name: "Silence for 2 hours" }).click();
			await p.getByText("Silent for two hours").first().waitFor();
			assert.deepEqual(asked, [["POST", "/v1/alerts/7/ack", {}], ["POST", "/v1/alerts/7/silence", { seconds: 7200 }]]);
			await p.context().close();
		}],
		["every button has a name, every table heads, every id is there once", async () => {
			await dashboard(page);
			const found = await page.evaluate(() => {
				const wrong = [];
				document.querySelectorAll(".zmf button").forEach((b) => {
					if (!(b.textContent.trim() || b.getAttribute("aria-label"))) { wrong.push("button without a name"); }
				});
				document.querySelectorAll(".zmf table").forEach((t) => {
					if (t.querySelectorAll("th[scope=col]").length === 0) { wrong.push("table without heads"); }
				});
				const ids = [...document.querySelectorAll(".zmf [id]")].map((n) => n.id);
				ids.forEach((id, i) => { if (ids.indexOf(id) !== i) { wrong.push(`id ${id} twice`); } });
				document.querySelectorAll(".zmf [aria-labelledby]").forEach((n) => {
					if (!document.getElementById(n.getAttribute("aria-labelledby"))) { wrong.push("a label that is not there"); }
				});
				return wrong;
			});
			assert.deepEqual(found, []);
		}],
		["adding a node is off: the form says with which setting, or which command", async () => {
			const p = await alone(place.admin);
			await p.getByRole("button", { name: "Add a node…" }).click();
			const dialog = p.getByRole("dialog", { name: "Add a node" });
			assert.match(await dialog.innerText(), /api_add_nodes = yes[\s\S]*zmferry add NODE/);
			assert.equal(await dialog.locator("input").count(), 0);
			await shot(p, "add-refused");
			await p.keyboard.press("Escape");
			assert.equal(await p.evaluate(() => document.activeElement.textContent), "Add a node…");
			await harmless(p);
			await p.context().close();
		}],
		["adding a node is on: for global administrators, by a host name, and nothing else is", async () => {
			await place.do("configure", { text: "api_add_nodes = yes" });
			const { agrees } = require("./test_api.js");
			const bearer = await place.session(place.admin), helpdesk = await place.session(place.helpdesk);
			const body = { kind: "add", node: "mbs4.example.test" };
			const keys = (n) => ({ "If-Match": "\"\"", "Idempotency-Key": `add-${n}` });
			agrees(await place.api("POST", "/v1/plans", { bearer, body }), "/v1/plans", "post", 200);
			for (const path of ["/v1/plans", "/v1/jobs"]) {
				const answer = await place.api("POST", path, { bearer: helpdesk, body, headers: keys(path) });
				agrees(answer, path, "post", 403);
				assert.match(answer.data.error.text, /helpdesk@example\.test is no global administrator/);
				const hostile = await place.api("POST", path, { bearer, body: { ...body, node: place.hostile }, headers: keys("x") });
				agrees(hostile, path, "post", 409);
				assert.match(hostile.data.error.text, /<img.*is no host name/);
			}
			assert.equal((await place.api("POST", "/v1/jobs", { bearer, body })).status, 428, "a plan is seen first");
			for (const [path, wanted] of [["/v1/enroll", { node: body.node }], ["/v1/containers", { node: "mbs1", op: "start" }]]) {
				agrees(await place.api("POST", path, { bearer, body: wanted }), path, "post", 403);
			}
			const volumes = await place.api("POST", "/v1/plans", { bearer, body: { kind: "remove", node: "mbs1", destroy_volumes: true } });
			assert.equal(volumes.status, 409);
			const p = await alone(place.helpdesk);
			await p.getByRole("button", { name: "Add a node…" }).click();
			await p.getByText("Only a global administrator may add a node here.").waitFor();
			await p.context().close();
		}],
		["adding a node: name, plan, start, what to do by hand, look once more, stop", async () => {
			await dashboard(page);
			const seen = page.waitForResponse((r) => r.url().endsWith("/v1/overview") && r.status() === 200);
			await page.getByRole("button", { name: "Refresh" }).click();
			await seen;
			await page.locator(".zmf-is-live").waitFor();
			await page.getByRole("button", { name: "Add a node…" }).focus();
			await page.keyboard.press("Enter");
			const dialog = page.getByRole("dialog", { name: "Add a node" }), name = dialog.getByLabel("Name of the new server");
			const described = () => name.evaluate((n) => n.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).textContent).join(" "));
			assert.equal(await name.evaluate((n) => n === document.activeElement), true);
			assert.match(await described(), /whole host name/);
			await shot(page, "add-form");
			await page.keyboard.press("Enter");
			await dialog.getByText("A new server needs a name.").waitFor();
			for (const [typed, said] of [["<img src=x onerror=window.hacked=1>.example.test", /is no host name/], ["mbs4", /needs its whole name/],
				[nodes[0], /is in the cluster already/]]) {
				await name.fill(typed);
				await page.keyboard.press("Enter");
				await dialog.locator(".zmf-form-problem").getByText(said).waitFor();
				assert.equal(await name.getAttribute("aria-invalid"), "true");
				assert.match(await described(), said);
				assert.equal(await name.inputValue(), typed, "it can be mended");
				assert.equal(await name.evaluate((n) => n === document.activeElement), true);
			}
			await shot(page, "add-form-problem");
			await harmless(page);
			await name.fill(" mbs4.example.test ");
			await page.keyboard.press("Enter");
			const confirm = dialog.locator("input[name=confirm]");
			await confirm.waitFor();
			assert.match(await dialog.innerText(), /mbs4\.example\.test is brought into Zimbra/);
			assert.match(await dialog.locator(".zmf-steps").innerText(), /zmferry enroll mbs4\.example\.test --out identity\.pem/);
			await shot(page, "add-plan");
			await dialog.getByRole("button", { name: "Another name" }).click();
			assert.equal(await name.inputValue(), "mbs4.example.test");
			await page.keyboard.press("Enter");
			await confirm.waitFor();
			for (let i = 0; i < 8; i++) {
				await page.keyboard.press("Tab");
				assert.ok(await page.evaluate(() => document.activeElement.closest("[role=dialog]") !== null), `after ${i + 1} tabs`);
			}
			await confirm.fill("mbs");
			assert.equal(await dialog.locator("button[data-action=start]").isDisabled(), true);
			await confirm.fill("mbs4");
			await page.keyboard.press("Enter");
			const job = page.locator("article.zmf-job-joining");
			await job.waitFor({ timeout: 60000 });
			assert.match(await job.innerText(), /Addition of mbs4\.example\.test[\s\S]*What you do now[\s\S]*zmferry enroll mbs4\.example\.test/);
			await job.getByText(/trying again/).waitFor();
			await shot(page, "add-joining");
			const id = await job.getAttribute("data-job");
			await job.getByRole("button", { name: `Continue ${id}` }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
			await page.getByText(`Job ${id} goes on.`).first().waitFor();
			await job.getByRole("button", { name: `Stop ${id}` }).click();
			await page.getByRole("dialog").getByRole("button", { name: "Stop" }).click();
			await page.locator(`article[data-job=${id}].zmf-job-cancelled`).waitFor({ timeout: 60000 });
			const events = JSON.parse((await place.do("zmferry", { args: ["events", "--json"] })).out).events;
			const audit = events.filter((e) => e.level === "audit").map((e) => e.text).join("\n");
			assert.match(audit, new RegExp(`${place.admin.name} at 127\\.[0-9.]+ via ${place.console_url}: add mbs4\\.example\\.test, plan [0-9a-f]*: done`));
			await harmless(page);
			const german = await alone(place.admin, "de");
			await german.getByRole("button", { name: "Server aufnehmen…" }).click();
			await german.getByLabel("Name des neuen Servers").fill("mbs4.example.test");
			await german.keyboard.press("Enter");
			await german.locator("input[name=confirm]").waitFor();
			assert.match(await german.getByRole("dialog").innerText(), /Was Sie tun, wenn es begonnen hat/);
			await shot(german, "add-plan-de");
			await german.context().close();
		}],
		["an addition that the machine began is continued from a page only where the setting says so", async () => {
			await place.do("configure", { text: "api_add_nodes = no", without: "api_add_nodes" });
			const bearer = await place.session(place.admin);
			const { job } = JSON.parse((await place.do("zmferry", { args: ["add", "mbs5.example.test", "--yes", "--json"] })).out);
			const ask = (who, verb) => place.api("POST", `/v1/jobs/${job.id}/${verb}`, { bearer: who, body: {} });
			const off = await ask(bearer, "continue");
			assert.equal(off.status, 409, off.text);
			assert.match(off.data.error.text, /api_add_nodes/);
			await place.do("configure", { text: "api_add_nodes = yes", without: "api_add_nodes" });
			const now = await place.session(place.admin), less = await place.session(place.helpdesk);
			const other = await ask(less, "continue");
			assert.equal(other.status, 403, other.text);
			assert.match(other.data.error.text, /no global administrator/);
			assert.equal((await ask(now, "continue")).status, 200);
			/* Stopping it takes the right on every server, and no more. */
			const right = { name: place.helpdesk.name, right: "moveMailboxFromServer" };
			for (const server of nodes) {
				await place.do("grant", { ...right, server });
			}
			await place.do("revoke", { ...right, server: nodes[0] });
			const stops = await ask(less, "cancel");
			assert.equal(stops.status, 403, stops.text);
			assert.match(stops.data.error.text, /no right moveMailboxFromServer on mbs1/);
			await place.do("grant", { ...right, server: nodes[0] });
			assert.equal((await ask(less, "cancel")).status, 200);
		}],
		["four eyes: one asks, another approves, nobody both", async () => {
			await place.do("configure", { text: "api_four_eyes = yes\napi_delegated_tokens = yes" });
			const first = { name: place.first.name, password: place.first.password };
			const asks = await alone(place.admin);
			await asks.getByRole("button", { name: `Evacuate ${nodes[1]}` }).click();
			await asks.locator("input[name=confirm]").fill("mbs2");
			await asks.keyboard.press("Enter");
			await asks.getByText("Somebody else must approve this.").waitFor();
			const own = await place.session(place.admin);
			const approvals = (await place.api("GET", "/v1/approvals", { bearer: own })).data.approvals;
			assert.equal(approvals.length, 1);
			assert.equal(approvals[0].mailboxes > 0 && approvals[0].bytes > 0, true, JSON.stringify(approvals));
			assert.ok(Math.abs(Date.parse(approvals[0].at) - Date.now()) < 60000);
			const refused = await place.api("POST", `/v1/approvals/${approvals[0].id}/approve`, { bearer: own, body: {} });
			assert.equal(refused.status, 403);
			assert.match(refused.data.error.text, /the one who asked cannot approve/);
			const approves = await alone(first);
			await approves.getByRole("button", { name: "Approve…" }).click();
			await approves.locator("input[name=confirm]").fill("mbs2");
			await shot(approves, "approve");
			await approves.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
			await approves.getByText(/Approved: job j\d+ has begun/).first().waitFor();
			const jobs = JSON.parse((await place.do("zmferry", { args: ["jobs", "--json"] })).out).jobs;
			assert.equal(jobs[0].node, nodes[1]);
			assert.match(jobs[0].who, /second@example\.test and admin@example\.test/);
			await asks.context().close();
			await approves.context().close();
		}],
		["four eyes hold for a node that comes in; then it joins and gets its share", async () => {
			const asks = await alone(place.admin);
			await asks.getByText("Nothing is running.").waitFor({ timeout: 240000 });    /* a plan stands while nothing moves */
			await asks.getByRole("button", { name: "Add a node…" }).click();
			await asks.locator("input[name=node]").fill("mbs4.example.test");
			await asks.keyboard.press("Enter");
			await asks.locator("input[name=confirm]").fill("mbs4");
			await asks.keyboard.press("Enter");
			await asks.getByText("Somebody else must approve this.").waitFor();
			const own = await place.session(place.admin);
			const asked = (await place.api("GET", "/v1/approvals", { bearer: own })).data.approvals.find((a) => a.kind === "add");
			assert.equal((await place.api("POST", `/v1/approvals/${asked.id}/approve`, { bearer: own, body: {} })).status, 403);
			const helpdesk = await place.session(place.helpdesk);
			const other = await place.api("POST", `/v1/approvals/${asked.id}/approve`, { bearer: helpdesk, body: {} });
			assert.equal(other.status, 403);
			assert.match(other.data.error.text, /no global administrator/);
			const pem = path.join(SHOTS, "place", "approver.pem");
			fs.rmSync(pem, { force: true });
			await place.do("zmferry", { args: ["operator", "enroll", "approver", "--out", pem] });
			const afar = await place.api("POST", `/v1/approvals/${asked.id}/approve`, { cert: fs.readFileSync(pem), body: {} });
			assert.equal(afar.status, 409, afar.text);
			assert.match(afar.data.error.text, /only to a global administrator's session/);
			const approves = await alone({ name: place.first.name, password: place.first.password });
			await approves.locator(".zmf-approvals li", { hasText: "bring in mbs4" }).getByRole("button", { name: "Approve…" }).click();
			await approves.getByRole("dialog", { name: "Approve: bring in mbs4.example.test" }).locator("input[name=confirm]").fill("mbs4");
			await shot(approves, "add-approve");
			await approves.keyboard.press("Enter");
			await approves.getByText(/Approved: job j\d+ has begun/).first().waitFor();
			const job = approves.locator("article", { hasText: "Addition of mbs4" }).first();
			const id = await job.getAttribute("data-job");
			place.nodes.push(await place.do("add node", { name: "mbs4" }));
			await approves.locator(`article[data-job=${id}].zmf-job-moving`).waitFor({ timeout: 240000 });
			assert.equal(await approves.locator(`article[data-job=${id}] .zmf-steps`).count(), 0);
			await approves.locator(`article[data-job=${id}].zmf-job-done`).waitFor({ timeout: 240000 });
			assert.match(await approves.locator(`article[data-job=${id}] .zmf-verdict`).innerText(), /verified, nothing missing/);
			await shot(approves, "add-done", { fullPage: true });
			assert.match(await approves.locator("tr[data-node='mbs4.example.test']").innerText(), /Healthy/);
			await asks.context().close();
			await approves.context().close();
		}],
		["a delegated token proves an account; its rights are asked about, not believed", async () => {
			await place.do("zimlet", { properties: { controllerUrl: place.url, tokenKind: "delegated" } });
			const who = await place.session(place.admin);
			const id = (await place.api("GET", "/v1/session", { bearer: who })).data.session.id;
			const p = await open_console(place.admin, `language=en&user=${id}`);
			await dashboard(p);
			assert.ok((await p.evaluate(() => window.ZmCsfeCommand.sent)).includes("DelegateAuthRequest"));
			assert.match(await p.locator(".zmf-who").innerText(), /second@example\.test/);
			await p.context().close();
			const user = await soap(place, `<AuthRequest xmlns="urn:zimbraAccount"><account by="name">${place.user.name}</account>` +
				`<password>${place.user.password}</password></AuthRequest>`);
			const answer = await place.api("POST", "/v1/session", { origin: place.console_url, from: "127.0.79.1",
				body: { token: /<authToken>(.*?)</.exec(user.text)[1], kind: "delegated" } });
			assert.equal(answer.status, 403, answer.text);
			assert.match(answer.data.error.text, /user001@example\.test has no right on any mailbox server/);
		}],
		["a zimlet without an https address says what to do, and the console starts all the same", async () => {
			await place.do("zimlet", { properties: { controllerUrl: place.url.replace("https", "http") } });
			const p = await open_console(place.admin, "language=en");
			await p.getByRole("button", { name: "Mailbox Moves" }).click();
			await p.getByText(/zmzimletctl configure/).waitFor();
			assert.deepEqual(p.problems, []);
			await p.context().close();
		}],
		["a broken zimlet before it in the bundle, or no messages: the console still starts", async () => {
			const whole = host.bundle;
			host.bundle = "try { throw new Error('other zimlet'); } catch (ignore) {}\nwindow.com_zmferry = undefined;\n" + whole;
			const p = await open_console(place.admin, "language=en");
			assert.deepEqual(p.problems, []);
			assert.equal(await p.locator("#tree .leaf").count(), 3);
			host.bundle = whole;
			await p.context().close();
		}],
		["Zimbra away: nothing is changed, the command of the machine is named, and works", async () => {
			const bearer = await place.session(place.admin);
			const jobs = JSON.parse((await place.do("zmferry", { args: ["jobs", "--json"] })).out).jobs;
			for (const n of place.nodes) {
				await place.do("lab", { args: ["kill", n.name] });
			}
			const answer = await place.api("POST", `/v1/jobs/${jobs[0].id}/pause`, { bearer, body: {} });
			require("./test_api.js").agrees(answer, "/v1/jobs/{id}/pause", "post", 503);
			assert.match(answer.data.error.text, /nothing is changed, because Zimbra cannot be asked/);
			assert.match(answer.data.error.next, /controller's machine/);
			const login_now = await place.api("POST", "/v1/session", { origin: place.url, from: "127.0.79.2",
				body: { name: place.admin.name, password: place.admin.password } });
			assert.equal(login_now.status, 503, login_now.text);
			assert.equal((await place.api("GET", "/v1/overview", { bearer })).status, 200);
			assert.equal((await place.do("zmferry", { args: ["status"] })).code, 0);
		}]
	];

	/* One console stays open through the day; whichever test comes first opens it. */
	return tests.map(([name, fn]) => [name, async () => {
		if (!page) {
			page = await open_console(place.admin, "language=en");
		}
		await fn();
	}]);
};
