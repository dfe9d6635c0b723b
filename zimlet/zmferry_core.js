/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown, worked out of what the controller says. Pure: no DOM, no network, no clock of its
 * own. ES5, because Zimbra sends every zimlet through the YUI compressor.
 */
(function (root) {
	"use strict";

	var core = {};
	var OLD_AFTER_MS = 15000;        /* a state older than this is not live any more */
	var SIZE_UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];
	var JOB_END = { done: true, done_with_failures: true, cancelled: true };
	/* What may be asked of a job in each state: the edges of the controller's job table. */
	var JOB_ACTIONS = {
		queued: ["cancel"],
		planning: ["cancel"],
		moving: ["pause", "cancel"],
		paused: ["resume", "cancel"],
		cancelling: [],
		gate: [],
		provisioning: ["cancel"],
		joining: ["continue", "cancel"],
		add_held: ["continue", "cancel"],
		safety: ["cancel"],
		remove_held: ["continue", "cancel"],
		unlisting: [],
		dismantling: [],
		by_hand: ["continue"],
		done: [],
		done_with_failures: ["retry"],
		cancelled: ["retry"]
	};
	/* The order in which moves are listed: what needs a person first. */
	var MOVE_ORDER = { stuck: 0, abandoned: 1, unlocking: 2 };

	core.OLD_AFTER_MS = OLD_AFTER_MS;

	/* --- texts --- */

	/* "{0}" and, as in java.text.MessageFormat, '' for an apostrophe. */
	core.format = function (pattern, args) {
		return String(pattern).replace(/''|\{(\d+)\}/g, function (all, index) {
			var value;
			if (all === "''") {
				return "'";
			}
			value = (args || [])[Number(index)];
			return value === undefined || value === null ? "" : String(value);
		});
	};

	/* texts: {key: pattern}. The result is a function (key, arg...) -> text. */
	core.translator = function (texts) {
		return function (key) {
			var pattern = texts && texts[key];
			return pattern === undefined || pattern === null ? key :
				core.format(pattern, Array.prototype.slice.call(arguments, 1));
		};
	};

	/* The text of key, or fallback where the properties have none. */
	core.known = function (texts, key, args, fallback) {
		return texts && typeof texts[key] === "string" ? core.format(texts[key], args) : fallback;
	};

	function number(n, digits, t) {
		var text = Number(n).toFixed(digits);
		var point = t("decimal_point");
		return point.length === 1 ? text.replace(".", point) : text;
	}

	core.bytes = function (bytes, t) {
		var unit = 0, n = Number(bytes) || 0;
		while (n >= 1000 && unit < SIZE_UNITS.length - 1) {
			n /= 1024;
			unit++;
		}
		return number(n, unit === 0 || n >= 100 ? 0 : 1, t) + " " + SIZE_UNITS[unit];
	};

	core.count = function (n, t) {
		var text = String(Math.round(Number(n) || 0));
		return text.replace(/\B(?=(\d{3})+$)/g, t("thousands_point"));
	};

	core.percent = function (part, whole) {
		if (!(whole > 0)) {
			return 0;
		}
		return Math.max(0, Math.min(100, 100 * part / whole));
	};

	core.seconds = function (s, t) {
		var whole = Math.max(0, Math.round(Number(s) || 0));
		if (whole < 60) {
			return t("dur_s", whole);
		}
		if (whole < 3600) {
			return t("dur_min", Math.floor(whole / 60), whole % 60);
		}
		if (whole < 86400) {
			return t("dur_h", Math.floor(whole / 3600), Math.floor(whole % 3600 / 60));
		}
		return t("dur_d", Math.floor(whole / 86400), Math.floor(whole % 86400 / 3600));
	};

	/* How long a mailbox was locked: tenths matter below ten seconds. */
	core.lock = function (ms, t) {
		var n = Number(ms) || 0;
		if (n < 1000) {
			return t("dur_ms", Math.round(n));
		}
		return n < 10000 ? t("dur_s", number(n / 1000, 1, t)) : core.seconds(n / 1000, t);
	};

	function two(n) {
		return (n < 10 ? "0" : "") + n;
	}

	/* Time of day of an ISO time; with the date when it is not today's. "" when there is none. */
	core.clock = function (iso, now_ms) {
		var when = typeof iso === "number" ? new Date(iso) : new Date(String(iso || ""));
		var now = new Date(now_ms), text;
		if (isNaN(when.getTime())) {
			return "";
		}
		text = two(when.getHours()) + ":" + two(when.getMinutes()) + ":" + two(when.getSeconds());
		if (when.toDateString() !== now.toDateString()) {
			text = when.getFullYear() + "-" + two(when.getMonth() + 1) + "-" + two(when.getDate()) +
				" " + text;
		}
		return text;
	};

	core.short_name = function (host) {
		var text = String(host || "");
		var dot = text.indexOf(".");
		return dot > 0 ? text.slice(0, dot) : text;
	};

	/* --- how fresh it is --- */

	core.freshness = function (state, now_ms, t) {
		var age = state.fetched_ms ? now_ms - state.fetched_ms : null;
		var old = age === null || age > OLD_AFTER_MS || !!state.error;
		var model = { live: !old, known: age !== null, text: "", detail: "", url: "" };
		if (!old) {
			model.text = t("fresh_live", core.seconds(age / 1000, t));
			return model;
		}
		model.text = age === null ? (!state.error ? t("fresh_loading") :
			t(state.error.kind === "network" ? "fresh_never" : "fresh_refused")) :
			t("fresh_old", core.clock(state.fetched_ms, now_ms), core.seconds(age / 1000, t));
		if (state.error) {
			model.detail = state.error.text;
			model.url = state.error.kind === "network" ? state.url || "" : "";
		}
		return model;
	};

	/* --- nodes --- */

	/*
	 * What may be asked for at a node, as far as the session's rights say: the controller asks
	 * Zimbra about every server that it touches. A cordoned node is filled again with those who
	 * left it, another gets its share. Keeping new accounts off it is no job, and disturbs none.
	 */
	core.node_deeds = function (n, session, busy, t) {
		function may(right) {
			return !!session && (!!session.is_global || core.has_right(session, n.name, right));
		}
		function deed(kind, right) {
			return {
				kind: kind,
				text: t("do_" + kind),
				label: t("do_" + kind + "_label", n.name),
				may: !busy && may(right),
				why_not: busy ? t("why_busy", busy.id) : may(right) ? "" : t("why_no_" + right)
			};
		}
		var cordon = deed(n.cordoned ? "uncordon" : "cordon", "moveMailboxFromServer");
		cordon.may = may("moveMailboxFromServer");
		cordon.why_not = cordon.may ? "" : t("why_no_moveMailboxFromServer");
		return [
			deed("evacuate", "moveMailboxFromServer"),
			deed(n.cordoned ? "restore" : "rebalance", "moveMailboxToServer"),
			cordon,
			deed("remove", "moveMailboxFromServer")
		];
	};

	/* Is that node cordoned, as far as the last answer says? */
	core.is_cordoned = function (overview, name) {
		var nodes = overview && overview.nodes || [], i;
		for (i = 0; i < nodes.length; i++) {
			if (nodes[i].name === name) {
				return !!nodes[i].cordoned;
			}
		}
		return false;
	};

	core.has_right = function (session, server, right) {
		var rights = session && session.rights && session.rights[server];
		return !!rights && rights.indexOf(right) >= 0;
	};

	core.node = function (n, context) {
		var t = context.t, total = n.disk_total_bytes || 0;
		var used = total - (n.disk_free_bytes || 0);
		var state = n.state === "ok" && n.connected && !n.inventory ? "counting" : n.state;
		var busy = null, i;
		for (i = 0; i < context.jobs.length; i++) {
			if (context.jobs[i].node === n.name && !JOB_END[context.jobs[i].state]) {
				busy = context.jobs[i];
			}
		}
		return {
			name: n.name,
			short_name: core.short_name(n.name),
			state: state,
			health: t("node_" + state),
			note: n.note || "",
			fill: total > 0 ? Math.round(core.percent(used, total)) : null,
			fill_text: total > 0 ? t("fill_text", core.bytes(used, t), core.bytes(total, t)) : t("unknown"),
			fill_level: total <= 0 ? "none" : used / total > 0.9 ? "high" : used / total > 0.8 ? "mid" : "low",
			mailboxes: n.inventory ? core.count(n.mailboxes, t) : t("unknown"),
			old_copies: n.old_copies > 0 ? t("old_copies", core.count(n.old_copies, t)) : "",
			size: n.inventory ? core.bytes(n.bytes, t) : t("unknown"),
			agent: n.connected ? t("agent_here", n.version || "") : t("agent_away"),
			heard: n.heard ? t("agent_heard", core.clock(n.heard, context.now)) : "",
			connected: !!n.connected,
			moving: (n.moves_out || 0) + (n.moves_in || 0) > 0 ?
				t("node_moving", n.moves_out || 0, n.moves_in || 0) : "",
			job: busy ? busy.id : "",
			deeds: core.node_deeds(n, context.session, busy, t)
		};
	};

	/* --- a node that comes in --- */

	/* May this page ask for it? Else why not. */
	core.adding = function (state, t) {
		var controller = state.overview && state.overview.controller || {};
		var may_here = !!controller.add_nodes, is_global = !!state.session && !!state.session.is_global;
		return {
			may: may_here && is_global,
			setting: may_here ? "" : "api_add_nodes = yes",
			why_not: !may_here ? t("add_not_here") : !is_global ? t("add_not_you") : ""
		};
	};

	/* What a person does where nobody else runs the containers: {text, code}. */
	core.add_steps = function (node, state, t) {
		var controller = state.overview && state.overview.controller || {};
		if (controller.platform !== "none") {
			return [];
		}
		return [
			{ text: t("add_step_identity"), code: "zmferry enroll " + node + " --out identity.pem" },
			{ text: t("add_step_container", node), code: "" },
			{ text: t("add_step_join", node), code: "" }
		];
	};

	/* Until it has joined; then its moves are shown like any others. */
	var ADD_WAITS = { queued: true, planning: true, provisioning: true, joining: true, add_held: true };

	/* --- jobs --- */

	core.job_is_over = function (job) {
		return !!JOB_END[job.state];
	};

	core.actions = function (job) {
		return (JOB_ACTIONS[job.state] || []).slice();
	};

	/* "bytes" until there are none to count by: then the mailboxes. */
	core.job_percent = function (job) {
		var by_count = core.percent(job.moves_done, job.moves_total);
		if (JOB_END[job.state] && job.state === "done") {
			return 100;
		}
		return Math.floor(job.bytes_total > 0 ? Math.min(core.percent(job.bytes_done, job.bytes_total),
			job.moves_done === job.moves_total ? 100 : 99) : by_count);
	};

	core.verdict = function (job, t) {
		var not_clean = job.moves_done - job.moves_clean;
		if (job.moves_done === 0 && job.moves_set_aside === 0) {
			return { level: "none", text: t("verdict_none") };
		}
		if (job.state === "cancelled" && not_clean === 0) {
			return { level: "none", text: t("verdict_cancelled", core.count(job.moves_clean, t),
				core.count(job.moves_set_aside, t)) };
		}
		if (not_clean === 0 && job.moves_set_aside === 0) {
			return { level: "good", text: t("verdict_clean", core.count(job.moves_clean, t)) };
		}
		return {
			level: job.moves_set_aside > 0 || not_clean > 0 ? "bad" : "good",
			text: t("verdict_mixed", core.count(job.moves_clean, t), core.count(not_clean, t),
				core.count(job.moves_set_aside, t))
		};
	};

	/* The line of progress over time: x in 0..1, y in 0..1. It ends at done, which knows of halves. */
	core.progress_line = function (progress, total, done) {
		var values = progress && progress.bytes || [], points = [], i, last;
		if (values.length < 2 || !(total > 0) || !(done > 0)) {
			return [];
		}
		for (i = 0; i < values.length; i++) {
			points.push({ x: i / (values.length - 1), y: Math.min(1, values[i] / total) });
		}
		last = points[points.length - 1];
		last.y = Math.max(last.y, Math.min(1, done / total));
		return points;
	};

	core.path = function (points, width, height) {
		var text = "", i;
		for (i = 0; i < points.length; i++) {
			text += (i === 0 ? "M" : "L") + (points[i].x * width).toFixed(1) + " " +
				((1 - points[i].y) * height).toFixed(1);
		}
		return text;
	};

	/* Bars of load before and after, on one scale. rows: {node, before, after, came} in bytes. */
	core.bars = function (rows, t) {
		var most = 1, i;
		for (i = 0; i < rows.length; i++) {
			most = Math.max(most, rows[i].before, rows[i].after);
		}
		return rows.map(function (r) {
			var grows = r.after >= r.before;
			return {
				node: r.node,
				short_name: core.short_name(r.node),
				before: 100 * r.before / most,
				after: 100 * r.after / most,
				now: 100 * (r.now === undefined ? r.before : r.now) / most,
				grows: grows,
				before_text: core.bytes(r.before, t),
				after_text: core.bytes(r.after, t),
				change: (grows ? "+" : "−") + core.bytes(Math.abs(r.after - r.before), t),
				label: t("bar_label", r.node, core.bytes(r.before, t), core.bytes(r.after, t))
			};
		});
	};

	function job_bars(job, nodes, t) {
		var here = {}, rows = [], i, target, now, done = 0, planned = 0;
		for (i = 0; i < nodes.length; i++) {
			here[nodes[i].name] = nodes[i].bytes || 0;
		}
		for (i = 0; i < (job.targets || []).length; i++) {
			target = job.targets[i];
			now = here[target.node] || 0;
			done += target.bytes_done;
			planned += target.bytes_planned;
			rows.push({
				node: target.node,
				before: Math.max(0, now - target.bytes_done),
				now: now,
				after: Math.max(0, now - target.bytes_done) + target.bytes_planned
			});
		}
		rows.sort(function (a, b) { return a.node < b.node ? -1 : 1; });
		/* Of the others nobody leaves the node that they are named after. */
		if (rows.length > 0 && (job.kind === "evacuate" || job.kind === "remove")) {
			rows.unshift({ node: job.node, before: planned, now: planned - done, after: 0 });
		}
		return core.bars(rows, t);
	}

	core.job = function (job, context) {
		var t = context.t, over = JOB_END[job.state], percent = core.job_percent(job);
		var created = new Date(job.created).getTime();
		var ended = job.ended ? new Date(job.ended).getTime() : context.now;
		var model = {
			id: job.id,
			state: job.state,
			over: !!over,
			title: t("job_title_" + job.kind, job.node),
			node: job.node,
			state_text: t("job_" + job.state),
			who: t("job_who", job.who, core.clock(job.created, context.now)),
			percent: percent,
			progress_text: t("job_progress", core.count(job.moves_done, t), core.count(job.moves_total, t),
				core.bytes(job.bytes_done, t), core.bytes(job.bytes_total, t)),
			facts: [],
			verdict: core.verdict(job, t),
			stall: over ? "" : job.state === "paused" ? t("stall_paused") : job.stall ? t("stall", job.stall) : "",
			reason: job.state === "paused" || (!over && job.stall && job.stall.indexOf(job.reason) >= 0) ? "" : job.reason || "",
			steps: job.kind === "add" && ADD_WAITS[job.state] ? core.add_steps(job.node, context.state || {}, t) : [],
			next: core.next_step(job.next || "", context),
			actions: core.actions(job),
			line: core.progress_line(job.progress, job.bytes_total, job.bytes_done),
			line_label: "",
			bars: job_bars(job, context.nodes, t),
			running: job.moves_running,
			failed: job.moves_set_aside
		};
		model.facts.push([t("fact_rate"), job.items_per_s > 0 ?
			t("rate_items", number(job.items_per_s, job.items_per_s < 10 ? 1 : 0, t)) : t("unknown")]);
		if (!over) {
			model.facts.push([t("fact_eta"), job.eta_s > 0 ? core.seconds(job.eta_s, t) : t("unknown")]);
			model.facts.push([t("fact_running"), core.count(job.moves_running, t)]);
		}
		model.facts.push([over ? t("fact_took") : t("fact_since"),
			core.seconds((ended - created) / 1000, t)]);
		model.facts.push([t("fact_lock"), job.lock_p50_ms > 0 ?
			t("lock_text", core.lock(job.lock_p50_ms, t), core.lock(job.lock_p99_ms, t)) : t("unknown")]);
		model.line_label = t("line_label", percent, core.seconds((ended - created) / 1000, t));
		return model;
	};

	/* --- moves --- */

	/* The mailbox is where it should be; what follows is tidying up. */
	core.has_arrived = function (state) {
		return state === "settled" || state === "done" || /^purg/.test(state);
	};

	core.move = function (m, context) {
		var t = context.t, verdict = m.verdict || "", arrived = core.has_arrived(m.state);
		var bad = m.state === "stuck" || m.state === "abandoned" || verdict === "not clean";
		return {
			id: m.id,
			account: m.account,
			target: core.short_name(m.target),
			state: m.state,
			state_text: t("move_" + m.state),
			holds: m.holds || "",
			size: core.bytes(m.bytes, t),
			lock: m.lock_ms > 0 ? core.lock(m.lock_ms, t) : "",
			verdict: verdict === "clean" ? "clean" : verdict === "" ? "" : "bad",
			verdict_text: verdict === "clean" ? t("verdict_is_clean") :
				verdict === "" ? "" : t("verdict_is_not"),
			level: bad ? "bad" : arrived ? "good" : m.state === "planned" ? "none" : "busy",
			detail: m.error || (arrived ? "" : m.doing || ""),
			next: core.next_step(m.next || "", context)
		};
	};

	core.moves = function (rows, context) {
		var models = (rows || []).map(function (m) { return core.move(m, context); });
		function rank(m) {
			var first = MOVE_ORDER[m.state];
			if (first !== undefined) {
				return first;
			}
			return m.verdict === "bad" ? 3 : m.level === "busy" ? 4 : core.has_arrived(m.state) ? 5 : 6;
		}
		return models.map(function (m, i) { return { m: m, i: i }; }).sort(function (a, b) {
			return rank(a.m) - rank(b.m) || a.i - b.i;
		}).map(function (x) { return x.m; });
	};

	/* --- alerts --- */

	/* A next step is a button where this page can do it, else the command as text. */
	core.next_step = function (next, context) {
		var found = /zmferry job (pause|resume|cancel|retry|continue) (j\d+)/.exec(next);
		if (next === "") {
			return null;
		}
		if (!found) {
			return { text: next, action: "", job: "" };
		}
		return { text: next, action: found[1], job: found[2], label: context.t("act_on_job",
			context.t("act_" + found[1]), found[2]) };
	};

	var SEVERITY_ICON = { critical: "bad", warning: "bad", info: "none" };

	/* Those who may empty the node it is about; for one about no node, global administrators. */
	core.may_answer_alert = function (a, session) {
		return !!session && (!!session.is_global || (!!a.node && core.has_right(session, a.node, "moveMailboxFromServer")));
	};

	core.alert = function (a, context) {
		var t = context.t, severity = SEVERITY_ICON[a.severity] ? a.severity : "warning", states = [];
		var silent = a.silenced_until && new Date(a.silenced_until).getTime() > context.now;
		if (a.acked_by) {
			states.push(t("alert_acked", a.acked_by, core.clock(a.acked_at, context.now)));
		}
		if (silent) {
			states.push(t("alert_silenced", core.clock(a.silenced_until, context.now), a.silenced_by));
		}
		if (a.comes_and_goes) {
			states.push(t("alert_flaps"));
		}
		(a.sent || []).forEach(function (s) {
			if (!s.ok) {
				states.push(t("alert_not_sent", s.way, s.text));
			}
		});
		return {
			key: a.subject,
			id: a.id,
			subject: a.subject,
			severity: severity,
			severity_text: t("severity_" + severity),
			icon: SEVERITY_ICON[severity],
			text: a.text,
			meaning: [a.meaning, a.did].filter(function (s) { return !!s; }).join(" "),
			since: t("alert_since", core.clock(a.at, context.now)),
			states: states,
			may_ack: !a.acked_by && core.may_answer_alert(a, context.session),
			may_silence: !silent && core.may_answer_alert(a, context.session),
			next: core.next_step(a.next || "", context)
		};
	};

	/* --- the whole page --- */

	/* state: {overview, session, fetched_ms, error, url}; options: {t, now}. */
	core.overview = function (state, options) {
		var o = state.overview || {};
		var context = {
			t: options.t, now: options.now, session: state.session, state: state,
			nodes: o.nodes || [], jobs: o.jobs || []
		};
		var jobs = context.jobs.map(function (j) { return core.job(j, context); });
		var running = jobs.filter(function (j) { return !j.over; });
		return {
			fresh: core.freshness(state, options.now, options.t),
			who: state.session ? state.session.name : "",
			read_only: !!(o.controller && o.controller.read_only),
			version: o.controller ? o.controller.version : "",
			nodes: context.nodes.map(function (n) { return core.node(n, context); }),
			running: running,
			ended: jobs.filter(function (j) { return j.over; }),
			alerts: (o.alerts || []).map(function (a) { return core.alert(a, context); }),
			approvals: (o.approvals || []).map(function (a) {
				return {
					kind: a.kind || "evacuate",
					id: a.id, node: a.node, to: a.to ? a.to.split(",") : [], who: a.who, at: core.clock(a.at, options.now),
					own: !!state.session && a.who_id === state.session.id,
					mailboxes: core.count(a.mailboxes, options.t), size: core.bytes(a.bytes, options.t)
				};
			}),
			summary: running.length === 0 ? options.t("sum_idle") :
				running.length === 1 ? options.t("sum_one", running[0].title, running[0].percent) :
					options.t("sum_many", running.length)
		};
	};

	/* --- a plan, before anything starts --- */

	core.plan = function (plan, t, texts, asked) {
		var kind = plan.kind || "evacuate";
		var empties = kind === "evacuate" || kind === "remove";
		var rows = empties ? [{ node: plan.node, before: plan.bytes, after: 0 }] : [], i, target;
		var node = plan.node || asked || "", expected = plan.expected;
		var used = 0;
		for (i = 0; i < plan.targets.length; i++) {
			target = plan.targets[i];
			used += target.bytes_after > target.bytes_before || target.count_after > target.count_before ? 1 : 0;
			rows.push({ node: target.node, before: target.bytes_before, after: target.bytes_after });
		}
		return {
			node: plan.node,
			version: plan.version,
			word: core.short_name(node),
			empty: plan.mailboxes === 0 && kind !== "remove" && kind !== "add",
			summary: plan.mailboxes === 0 ? t(kind === "add" ? "plan_add_nobody" : "plan_nothing", node) : empties ?
				t("plan_summary", core.count(plan.mailboxes, t), core.bytes(plan.bytes, t), node,
					core.count(used, t)) :
				t("plan_summary_fill", core.count(plan.mailboxes, t), core.bytes(plan.bytes, t), node),
			expected: expected && plan.mailboxes > 0 ? t(expected.measured ? "plan_expected" : "plan_expected_guess",
				core.seconds(expected.seconds, t), core.lock(expected.lock_median_ms, t),
				core.lock(expected.lock_longest_ms, t), expected.longest) : "",
			removal: (plan.removal || []).map(function (f) {
				return { level: f.level, title: t("removal_" + f.level), text: f.text, next: f.next };
			}),
			container: plan.platform || "",
			bars: core.bars(rows, t),
			refused: plan.refused.map(function (r) {
				return { account: r.account, why: r.why, next: r.next };
			}),
			refused_text: plan.refused.length === 0 ? "" :
				t("plan_refused", core.count(plan.refused.length, t)),
			moves: plan.moves.map(function (m) {
				return {
					account: m.account, target: core.short_name(m.target),
					size: m.has_mailbox ? core.bytes(m.bytes, t) : t("plan_no_mailbox")
				};
			}),
			notes: (plan.notes || []).map(function (note, index) {
				var key = String((plan.note_keys || [])[index]).split(":");
				return core.known(texts, "note_" + key[0], [key[1]], note);
			})
		};
	};

	/* Is what was typed the word? Spaces around it do not matter, case does. */
	core.confirms = function (typed, word) {
		return String(typed).replace(/^\s+|\s+$/g, "") === word;
	};

	/* --- errors --- */

	/* What fetch or the controller said, as one kind of thing. */
	core.problem = function (status, body) {
		var error = body && body.error || {};
		return {
			status: status,
			kind: String(error.kind || (status === 401 ? "session" : "refused")),
			text: String(error.text || "HTTP " + status),
			next: String(error.next || "")
		};
	};

	/* Milliseconds until the next poll: 3 s while seen, slower when hidden or failing. */
	core.poll_ms = function (failures, hidden) {
		var base = hidden ? 30000 : 3000;
		return Math.min(60000, base * Math.pow(2, Math.min(failures, 4)));
	};

	/* Only https, and nothing but scheme, host and port: null otherwise. */
	core.controller_url = function (text) {
		var found = /^https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?\/?$/.exec(String(text || ""));
		return found ? "https://" + found[1] + (found[2] || "") : null;
	};

	root.ZmFerryCore = core;
	if (typeof module !== "undefined" && module.exports) {
		module.exports = core;
	}
}(typeof window !== "undefined" ? window : this));
