/* SPDX-License-Identifier: Apache-2.0 */
/* The zimlet's pure part, without a browser. */
"use strict";

const assert = require("assert");
const path = require("path");
const core = require(path.resolve(__dirname, "../../zimlet/zmferry_core.js"));
const { messages } = require("./console.js");

function texts(lang) {
	return JSON.parse(/= (\{.*\});/s.exec(messages(lang))[1]);
}

const en = core.translator(texts("en"));
const de = core.translator(texts("de"));

const session = { id: "x", name: "a@b", is_global: false, rights: { "mbs1.test": ["moveMailboxFromServer"] } };

module.exports = [
	["numbers are written as the language writes them", () => {
		assert.equal(core.bytes(0, en), "0 B");
		assert.equal(core.bytes(999, en), "999 B");
		assert.equal(core.bytes(1536, en), "1.5 KB");
		assert.equal(core.bytes(1536, de), "1,5 KB");
		assert.equal(core.bytes(5e12, en), "4.5 TB");
		assert.equal(core.count(1234567, en), "1,234,567");
		assert.equal(core.count(1234567, de), "1.234.567");
	}],
	["times: from milliseconds to days", () => {
		assert.equal(core.lock(480, en), "480 ms");
		assert.equal(core.lock(1840, en), "1.8 s");
		assert.equal(core.seconds(61, en), "1 min 1 s");
		assert.equal(core.seconds(7320, en), "2 h 2 min");
		assert.equal(core.seconds(90000, de), "1 T. 1 Std.");
		assert.equal(core.clock("nonsense", 0), "");
	}],
	["apostrophes as in MessageFormat, missing arguments as nothing", () => {
		assert.equal(core.format("it''s {1} and {0}{7}", ["a", "b"]), "it's b and a");
	}],
	["a state is live only while it is young and nothing failed", () => {
		const now = 1e12;
		assert.equal(core.freshness({ fetched_ms: now - 3000 }, now, en).live, true);
		assert.equal(core.freshness({ fetched_ms: now - core.OLD_AFTER_MS - 1 }, now, en).live, false);
		const failed = core.freshness({ fetched_ms: now - 3000, error: { kind: "network", text: "away" }, url: "https://c" }, now, en);
		assert.equal(failed.live, false);
		assert.equal(failed.detail, "away");
		assert.equal(failed.url, "https://c");
		assert.equal(core.freshness({ fetched_ms: 0 }, now, en).known, false);
	}],
	["only https addresses of a host are a controller", () => {
		assert.equal(core.controller_url("https://c.example.org:7440/"), "https://c.example.org:7440");
		assert.equal(core.controller_url("https://[::1]:7440"), "https://[::1]:7440");
		for (const bad of ["http://c:7440", "https://c/path", "https://u:p@c", "javascript:alert(1)", "https://c:7440?x", "", null]) {
			assert.equal(core.controller_url(bad), null, String(bad));
		}
	}],
	["polling slows down when it fails or nobody looks", () => {
		assert.equal(core.poll_ms(0, false), 3000);
		assert.equal(core.poll_ms(2, false), 12000);
		assert.equal(core.poll_ms(0, true), 30000);
		assert.equal(core.poll_ms(9, true), 60000);
	}],
	["what may be asked for at a node: by right, or globally; never while a job is about it", () => {
		const context = { t: en, now: 0, jobs: [], nodes: [], session };
		const node = (name, cordoned) => ({ name, cordoned, state: "ok", connected: true, inventory: true, mailboxes: 1, bytes: 1 });
		const deeds = (name, cordoned) => core.node(node(name, cordoned), context).deeds;
		const may = (name, kind, cordoned) => deeds(name, cordoned).find((d) => d.kind === kind).may;
		assert.equal(may("mbs1.test", "evacuate"), true);
		assert.equal(may("mbs2.test", "evacuate"), false);
		assert.equal(may("mbs2.test", "remove"), false);
		assert.deepEqual(deeds("mbs1.test", false).map((d) => d.kind), ["evacuate", "rebalance", "cordon", "remove"]);
		assert.deepEqual(deeds("mbs1.test", true).map((d) => d.kind), ["evacuate", "restore", "uncordon", "remove"]);
		assert.match(deeds("mbs2.test", true)[1].why_not, /moveMailboxToServer/);
		context.jobs = [{ id: "j1", node: "mbs1.test", state: "joining" }];
		assert.equal(may("mbs1.test", "evacuate"), false);
		assert.equal(may("mbs1.test", "cordon"), true, "it disturbs no job");
		assert.equal(may("mbs2.test", "cordon"), false);
		assert.equal(core.is_cordoned({ nodes: [node("mbs1.test", true), node("mbs2.test", false)] }, "mbs1.test"), true);
		assert.equal(core.is_cordoned({ nodes: [node("mbs2.test", false)] }, "mbs2.test"), false);
		assert.equal(core.is_cordoned(null, "mbs1.test"), false);
		context.jobs[0].state = "done";
		assert.equal(may("mbs1.test", "evacuate"), true);
	}],
	["a plan that fills a node has no row for one that is emptied; a removal says what speaks against it", () => {
		const target = { node: "mbs2.test", bytes_before: 0, bytes_after: 2048, count_before: 0, count_after: 2 };
		const fill = core.plan({ kind: "rebalance", node: "", version: "v", mailboxes: 2, bytes: 2048, moves: [], refused: [],
			targets: [target], notes: [], note_keys: [], expected: { measured: true, seconds: 90, lock_median_ms: 700,
				lock_longest_ms: 4000, longest: "anna@test" } }, en, texts("en"), "mbs2.test");
		assert.equal(fill.word, "mbs2");
		assert.match(fill.summary, /2 mailboxes .* move to mbs2\.test/);
		assert.match(fill.expected, /1 min 30 s .* 700 ms, at most 4(\.0)? s \(anna@test\)/);
		assert.equal(fill.bars.rows ? fill.bars.rows.length : fill.bars.length, 1);
		const remove = core.plan({ kind: "remove", node: "mbs1.test", version: "v", mailboxes: 0, bytes: 0, moves: [], refused: [],
			targets: [], notes: [], note_keys: [], platform: "container mbs1 is running",
			removal: [{ level: "blocks", text: "it is the log host", next: "zmprov mcf" }] }, en, texts("en"), "mbs1.test");
		assert.equal(remove.empty, false, "an empty node can be taken out");
		assert.deepEqual(remove.removal, [{ level: "blocks", title: "First:", text: "it is the log host", next: "zmprov mcf" }]);
		assert.equal(remove.container, "container mbs1 is running");
	}],
	["a node comes in: who may ask for it here, what a person does, and a plan that moves nobody", () => {
		const state = (add_nodes, platform, is_global) => ({ overview: { controller: { add_nodes, platform } }, session: { ...session, is_global } });
		assert.deepEqual(core.adding(state(true, "none", true), en), { may: true, setting: "", why_not: "" });
		const off = core.adding(state(false, "none", true), en);
		assert.equal(off.may, false);
		assert.equal(off.setting, "api_add_nodes = yes");
		assert.match(off.why_not, /does not let a page add nodes/);
		const delegated = core.adding(state(true, "none", false), en);
		assert.equal(delegated.may, false);
		assert.equal(delegated.setting, "");
		assert.match(delegated.why_not, /global administrator/);
		assert.equal(core.adding({ overview: null, session: null }, en).may, false);
		assert.deepEqual(core.add_steps("mbs4.test", state(true, "none", true), en).map((s) => s.code),
			["zmferry enroll mbs4.test --out identity.pem", "", ""]);
		assert.match(core.add_steps("mbs4.test", state(true, "none", true), de)[1].text, /mit dem Namen mbs4\.test/);
		assert.deepEqual(core.add_steps("mbs4.test", state(true, "docker", true), en), []);
		const plan = core.plan({ kind: "add", node: "mbs4.test", version: "", mailboxes: 0, bytes: 0, moves: [], refused: [],
			targets: [], notes: [], note_keys: [] }, en, texts("en"), "mbs4.test");
		assert.equal(plan.empty, false, "a node is brought in that then gets nobody");
		assert.equal(plan.word, "mbs4");
		assert.match(plan.summary, /Nobody moves to mbs4\.test/);
	}],
	["a job that brings a node in says what to do until it is there; its bars empty no node", () => {
		const job = (kind, state, reason, stall) => core.job({ id: "j1", kind, state, reason, stall, node: "mbs4.test", who: "a", created: "2026-01-01T00:00:00Z",
			moves_total: 2, moves_done: 1, moves_clean: 1, moves_set_aside: 0, moves_running: 1, bytes_total: 200, bytes_done: 100,
			targets: [{ node: "mbs4.test", bytes_planned: 200, bytes_done: 100 }] }, { t: en, now: Date.parse("2026-01-01T00:01:00Z"),
			nodes: [{ name: "mbs4.test", bytes: 100 }], jobs: [], session, state: { overview: { controller: { platform: "none" } } } });
		assert.equal(job("add", "joining").steps.length, 3);
		assert.equal(job("add", "joining", "no agent", "it waits").reason, "no agent");
		assert.equal(job("add", "joining", "no agent", "no agent; j1").reason, "", "what stands still is said once");
		assert.equal(job("add", "done", "no agent", "no agent").reason, "no agent");
		assert.deepEqual(job("add", "joining").actions, ["continue", "cancel"]);
		assert.equal(job("add", "moving").steps.length, 0);
		assert.equal(job("evacuate", "planning").steps.length, 0);
		assert.deepEqual(job("add", "moving").bars.map((b) => [b.node, b.before_text, b.after_text]), [["mbs4.test", "0 B", "200 B"]]);
		assert.equal(job("restore", "moving").bars.length, 1);
		assert.equal(job("evacuate", "moving").bars.length, 2);
	}],
	["a fill that is unknown is not 0 %", () => {
		const context = { t: en, now: 0, jobs: [], nodes: [], session };
		assert.equal(core.node({ name: "n", state: "away", connected: false }, context).fill, null);
		assert.equal(core.node({ name: "n", disk_total_bytes: 100, disk_free_bytes: 5 }, context).fill_level, "high");
	}],
	["progress says 100 only at the end, and counts mailboxes where there are no bytes", () => {
		assert.equal(core.job_percent({ state: "moving", bytes_done: 100, bytes_total: 100, moves_done: 3, moves_total: 4 }), 99);
		assert.equal(core.job_percent({ state: "moving", bytes_done: 0, bytes_total: 0, moves_done: 1, moves_total: 4 }), 25);
		assert.equal(core.job_percent({ state: "done", bytes_done: 0, bytes_total: 0, moves_done: 0, moves_total: 0 }), 100);
	}],
	["a verdict is good only when nothing differs and nothing was set aside", () => {
		assert.equal(core.verdict({ moves_done: 5, moves_clean: 5, moves_set_aside: 0 }, en).level, "good");
		assert.equal(core.verdict({ moves_done: 5, moves_clean: 4, moves_set_aside: 0 }, en).level, "bad");
		assert.equal(core.verdict({ moves_done: 5, moves_clean: 5, moves_set_aside: 1 }, en).level, "bad");
		assert.equal(core.verdict({ moves_done: 0, moves_clean: 0, moves_set_aside: 0 }, en).level, "none");
	}],
	["a next step is a button only for what this page can do", () => {
		const context = { t: en, now: 0 };
		assert.equal(core.next_step("", context), null);
		assert.equal(core.next_step("zmferry explain m3", context).action, "");
		const step = core.next_step("zmferry explain m3; when the cause is gone: zmferry job retry j2", context);
		assert.deepEqual([step.action, step.job, step.label], ["retry", "j2", "Retry j2"]);
	}],
	["before and after are drawn on one scale", () => {
		const bars = core.bars([{ node: "a.test", before: 200, after: 0 }, { node: "b.test", before: 100, after: 300 }], en);
		assert.equal(bars[1].after, 100);
		assert.ok(Math.abs(bars[0].before - 66.67) < 0.1);
		assert.equal(bars[0].grows, false);
		assert.equal(bars[1].change, "+200 B");
	}],
	["the line of progress begins below and ends at what is done", () => {
		const line = core.progress_line({ bytes: [0, 50, 90] }, 200, 100);
		assert.deepEqual(line, [{ x: 0, y: 0 }, { x: 0.5, y: 0.25 }, { x: 1, y: 0.5 }]);
		assert.equal(core.path(line, 10, 10), "M0.0 10.0L5.0 7.5L10.0 5.0");
		assert.deepEqual(core.progress_line({ bytes: [0] }, 200, 1), []);
	}],
	["what needs a person comes first in a list of moves", () => {
		const move = (id, state, verdict) => ({ id, state, verdict, account: id, target: "b.test", bytes: 1, next: "" });
		const rows = core.moves([move("m1", "settled", "clean"), move("m2", "planned", ""), move("m3", "stuck", ""),
			move("m4", "settled", "not clean"), move("m5", "opening", ""), move("m6", "purge_locking", "clean"),
			move("m7", "done", "clean")], { t: en, now: 0 });
		assert.deepEqual(rows.map((m) => m.id), ["m3", "m4", "m5", "m1", "m6", "m7", "m2"]);
		assert.deepEqual(rows.map((m) => m.level), ["bad", "bad", "busy", "good", "good", "good", "none"]);
		assert.match(rows[5].state_text, /old copy deleted/);
	}],
	["a plan is told in words, known notes in the reader's language", () => {
		const plan = core.plan({ node: "mbs1.test", version: "v", mailboxes: 2, bytes: 2048, moves: [], refused: [],
			targets: [{ node: "mbs2.test", bytes_before: 0, bytes_after: 2048, count_before: 0, count_after: 2 }],
			notes: ["each mailbox is locked", "unknown note"], note_keys: ["lock", ""] }, de, texts("de"));
		assert.equal(plan.word, "mbs1");
		assert.match(plan.summary, /2 Postfächer \(2,0 KB\)/);
		assert.match(plan.notes[0], /^Jedes Postfach/);
		assert.equal(plan.notes[1], "unknown note");
	}],
	["typed confirmation: the very word, spaces around it aside", () => {
		assert.equal(core.confirms(" mbs1 ", "mbs1"), true);
		assert.equal(core.confirms("MBS1", "mbs1"), false);
		assert.equal(core.confirms("", "mbs1"), false);
	}],
	["an alert says how bad it is, what it means, who has it, and what may be done", () => {
		const a = { id: 7, key: "move_stuck", severity: "critical", at: "2026-01-01T00:00:00.000Z", subject: "m1", node: "mbs1.test",
			text: "anna: stuck", meaning: "It is locked.", did: "Nothing was lost.", next: "zmferry job retry j1", comes_and_goes: true,
			acked_by: "", acked_at: "", silenced_by: "", silenced_until: "", sent: [{ way: "mail:a", ok: false, text: "550 no" }] };
		const now = Date.parse("2026-01-01T01:00:00Z");
		const seen = core.alert(a, { t: en, now, session });
		assert.equal(seen.severity_text, "Critical");
		assert.equal(seen.meaning, "It is locked. Nothing was lost.");
		assert.deepEqual(seen.states, ["comes and goes", "not sent by mail:a: 550 no"]);
		assert.equal(seen.next.action, "retry");
		assert.equal(seen.may_ack && seen.may_silence, true);
		const taken = core.alert({ ...a, acked_by: "carl", acked_at: a.at, silenced_by: "carl", silenced_until: "2026-01-01T02:00:00Z" },
			{ t: de, now, session });
		assert.equal(taken.severity_text, "Kritisch");
		assert.equal(taken.may_ack || taken.may_silence, false);
		assert.match(taken.states[0], /^von carl übernommen/);
		assert.match(taken.states[1], /^stumm bis /);
		/* A silence that has ended is none; of a node that is not one's own, one only sees it. */
		assert.equal(core.alert({ ...a, silenced_until: "2026-01-01T00:30:00Z" }, { t: en, now, session }).may_silence, true);
		assert.equal(core.alert({ ...a, node: "mbs2.test" }, { t: en, now, session }).may_ack, false);
		assert.equal(core.alert({ ...a, node: "" }, { t: en, now, session }).may_ack, false);
		assert.equal(core.alert({ ...a, node: "" }, { t: en, now, session: { ...session, is_global: true } }).may_ack, true);
		assert.equal(core.alert(a, { t: en, now, session: null }).may_ack, false);
	}],
	["states and actions of the controller's tables have words in both languages", () => {
		const fs = require("fs");
		const tables = fs.readFileSync(path.resolve(__dirname, "../../controller/move_table.c"), "utf-8") +
			fs.readFileSync(path.resolve(__dirname, "../../controller/job_table.c"), "utf-8");
		const names = [...tables.matchAll(/\[(MOVE|JOB)_[A-Z_]+\]\s*=\s*\{\s*"([a-z_]+)"/g)];
		assert.ok(names.length > 20, `${names.length} states found`);
		for (const [, table, name] of names) {
			const key = `${table.toLowerCase()}_${name}`;
			for (const all of [texts("en"), texts("de")]) {
				assert.ok(all[key], `no text for ${key}`);
			}
		}
	}]
];
