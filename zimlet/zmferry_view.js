/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dashboard and its dialogs, in the console and on the controller's own page alike. Everything
 * shown comes out of ZmFerryCore; everything done goes through the client and is asked before.
 */
(function (root) {
	"use strict";

	var core = root.ZmFerryCore;
	var h = root.ZmFerryDom.h;
	var MOVES_SHOWN = 50;
	var SILENCE_S = 7200;
	var LINE_W = 320;
	var LINE_H = 72;
	/* 16 x 16, drawn for this page. */
	var ICONS = {
		good: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm3.6 5.2-4.3 5a.8.8 0 0 1-1.2 0L4.3 9.3l1.1-1.1 1.3 1.3 3.7-4.3z",
		bad: "M8 1 .8 14.2h14.4L8 1zm.8 11.2H7.2v-1.6h1.6v1.6zm0-2.8H7.2V5.6h1.6v3.8z",
		busy: "M8 1a7 7 0 1 0 7 7h-2a5 5 0 1 1-5-5V1z",
		none: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.6a4.4 4.4 0 1 1 0 8.8 4.4 4.4 0 0 1 0-8.8z",
		away: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4 7.2h8v1.6H4z",
		go: "M1 8.8V7.2h9.2L6.6 3.6l1.2-1.2L13.4 8l-5.6 5.6-1.2-1.2 3.6-3.6z"
	};
	var NODE_ICON = { ok: "good", sick: "bad", away: "away", counting: "busy" };

	function icon(name) {
		return h("svg", { "class": "zmf-icon zmf-" + name, viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" },
			[h("path", { d: ICONS[name] })]);
	}

	/* options: {container, dialogs, client, poller, texts, lang} */
	function View(options) {
		var self = this;
		self.container = options.container;
		self.dialogs = options.dialogs || document.body;
		self.client = options.client;
		self.poller = options.poller;
		self.texts = options.texts;
		self.t = core.translator(options.texts);
		self.lang = options.lang || "en";
		self.open_jobs = {};      /* id -> {rows, failed, offset, total} of unfolded move lists */
		self.toast = null;
		self.busy = "";           /* what is being asked of the controller: buttons wait */
		self.seen = {};           /* id -> state, to tell a screen reader what changed */
		self.said = "";
		self.container.className += " zmf";
		self.container.setAttribute("lang", self.lang);
		["keydown", "keyup", "keypress", "selectstart"].forEach(function (name) {
			self.container.addEventListener(name, function (ev) { ev.stopPropagation(); });
		});
		self.ticker = root.setInterval(function () { self.update(); }, 1000);
	}

	View.prototype.dispose = function () {
		root.clearInterval(this.ticker);
	};

	View.prototype.model = function () {
		return core.overview(this.poller.state, { t: this.t, now: Date.now() });
	};

	View.prototype.update = function () {
		var model = this.model();
		if (!this.container.ownerDocument || !document.body.contains(this.container)) {
			return;
		}
		this.listen(model);
		root.ZmFerryDom.render(this.container, this.page(model));
	};

	/* After a poll: what changed is said once, and unfolded lists are read again. */
	View.prototype.on_poll = function () {
		var id;
		for (id in this.open_jobs) {
			if (Object.prototype.hasOwnProperty.call(this.open_jobs, id)) {
				this.load_moves(id);
			}
		}
		this.update();
	};

	View.prototype.listen = function (model) {
		var self = this;
		model.running.concat(model.ended).forEach(function (j) {
			if (self.seen[j.id] !== undefined && self.seen[j.id] !== j.state) {
				self.said = j.title + ": " + j.state_text + ". " + j.verdict.text;
			}
			self.seen[j.id] = j.state;
		});
	};

	View.prototype.say = function (text, level) {
		var self = this;
		self.toast = { text: text, level: level || "good" };
		self.said = text;
		root.clearTimeout(self.toast_timer);
		self.toast_timer = root.setTimeout(function () {
			self.toast = null;
			self.update();
		}, 8000);
		self.update();
	};

	/* --- parts --- */

	View.prototype.page = function (m) {
		var old = !m.fresh.live && m.fresh.known;
		return h("div", { "class": "zmf-page" + (old ? " zmf-old" : "") }, [
			this.head(m),
			m.read_only ? h("div", { "class": "zmf-strip zmf-bad", role: "alert" }, [icon("bad"), this.t("read_only")]) : null,
			this.toast ? h("div", { "class": "zmf-toast zmf-" + this.toast.level }, [icon(this.toast.level === "good" ? "good" : "bad"),
				h("span", {}, [this.toast.text])]) : null,
			h("div", { "class": "zmf-hidden", role: "status", "aria-live": "polite" }, [this.said]),
			m.fresh.known ? h("div", { "class": "zmf-body" }, [
				this.alerts(m), this.approvals(m), this.running(m), this.nodes(m), this.ended(m)
			]) : null
		]);
	};

	View.prototype.head = function (m) {
		var self = this, fresh = m.fresh;
		return h("div", { "class": "zmf-head" }, [
			h("div", { "class": "zmf-headline" }, [
				h("h1", {}, [self.t("title")]),
				fresh.known ? h("p", { "class": "zmf-summary" }, [m.summary]) : null
			]),
			h("div", { "class": "zmf-fresh " + (fresh.live ? "zmf-is-live" : "zmf-is-old") }, [
				h("span", { "class": "zmf-dot", "aria-hidden": "true" }),
				h("span", {}, [fresh.text]),
				m.who ? h("span", { "class": "zmf-who" }, [self.t("signed_in", m.who)]) : null,
				h("button", { type: "button", "class": "zmf-small", onclick: function () { self.poller.poll(); } },
					[self.t("refresh")])
			]),
			fresh.detail ? h("div", { "class": "zmf-strip zmf-warn", role: "alert" }, [
				icon("bad"),
				h("div", {}, [
					h("strong", {}, [fresh.known ? self.t("old_state") : self.t("no_state")]), " ",
					h("span", {}, [fresh.detail]), " ",
					fresh.url ? h("a", { href: fresh.url, target: "_blank", rel: "noopener noreferrer" }, [fresh.url]) : null
				])
			]) : null
		]);
	};

	/* What to do next: a button where this page can do it, the words where it cannot. */
	View.prototype.next = function (next) {
		var self = this;
		if (!next) {
			return null;
		}
		return h("div", { "class": "zmf-next" }, [
			next.action ? h("button", {
				type: "button", disabled: !!self.busy || !self.is_live(),
				onclick: function () { self.ask_job(next.action, next.job); }
			}, [next.label]) : null,
			h("span", { "class": "zmf-next-text" }, [self.t("next_step") + " ", h("code", {}, [next.text])])
		]);
	};

	View.prototype.is_live = function () {
		return core.freshness(this.poller.state, Date.now(), this.t).live;
	};

	View.prototype.alerts = function (m) {
		var self = this;
		if (m.alerts.length === 0) {
			return null;
		}
		return h("section", { "class": "zmf-alerts", "aria-labelledby": "zmf-alerts-title", key: "alerts" }, [
			h("h2", { id: "zmf-alerts-title" }, [self.t("alerts_title", m.alerts.length)]),
			h("ul", {}, m.alerts.map(function (a) {
				return h("li", { key: a.key, "class": "zmf-severity-" + a.severity, "data-alert": a.subject }, [
					icon(a.icon),
					h("div", {}, [
						h("p", { "class": "zmf-alert-text" }, [h("strong", {}, [a.severity_text + ": "]), a.text]),
						a.meaning ? h("p", { "class": "zmf-quiet" }, [a.meaning]) : null,
						h("p", { "class": "zmf-quiet" }, [[a.since].concat(a.states).join(" · ")]),
						self.next(a.next),
						h("div", { "class": "zmf-buttons" }, [
							a.may_ack ? self.alert_button(a, "ack", {}) : null,
							a.may_silence ? self.alert_button(a, "silence", { seconds: SILENCE_S }) : null
						])
					])
				]);
			}))
		]);
	};

	/* Both can be undone and change no mail: they are not asked before. */
	View.prototype.alert_button = function (a, action, body) {
		var self = this;
		return h("button", {
			type: "button", "class": "zmf-small", disabled: !!self.busy || !self.is_live(), "data-action": action,
			"aria-label": self.t("alert_" + action) + ": " + a.text,
			onclick: function () { self.send("POST", "/v1/alerts/" + a.id + "/" + action, body, {}, "done_" + action); }
		}, [self.t("alert_" + action)]);
	};

	View.prototype.approvals = function (m) {
		var self = this;
		if (m.approvals.length === 0) {
			return null;
		}
		return h("section", { "class": "zmf-approvals", "aria-labelledby": "zmf-approvals-title", key: "approvals" }, [
			h("h2", { id: "zmf-approvals-title" }, [self.t("approvals_title")]),
			h("ul", {}, m.approvals.map(function (a) {
				return h("li", { key: a.id }, [
					h("p", {}, [self.t("approval_text", a.who, a.node || a.to.join(", "), a.mailboxes, a.size, a.at, self.t("kind_" + a.kind))]),
					a.own ? h("p", { "class": "zmf-quiet" }, [self.t("approval_own")]) :
						h("button", {
							type: "button", disabled: !!self.busy || !self.is_live(),
							onclick: function () { self.ask_approve(a); }
						}, [self.t("approve")]),
					h("button", {
						type: "button", disabled: !!self.busy || !self.is_live(),
						onclick: function () { self.send("POST", "/v1/approvals/" + a.id + "/refuse", null, {}, "done_refused"); }
					}, [self.t(a.own ? "withdraw" : "refuse")])
				]);
			}))
		]);
	};

	View.prototype.nodes = function (m) {
		var self = this, t = self.t;
		return h("section", { "aria-labelledby": "zmf-nodes-title", key: "nodes" }, [
			h("div", { "class": "zmf-section-head" }, [
				h("h2", { id: "zmf-nodes-title" }, [t("nodes_title")]),
				h("button", { type: "button", disabled: !!self.busy || !self.is_live(), "data-deed": "add",
					onclick: function () { self.ask_add(); } }, [t("do_add")])
			]),
			m.nodes.length === 0 ? h("p", { "class": "zmf-quiet" }, [t("nodes_none")]) :
				h("div", { "class": "zmf-scroll" }, [h("table", { "class": "zmf-table" }, [
					h("thead", {}, [h("tr", {}, ["col_node", "col_health", "col_fill", "col_mailboxes", "col_size", "col_agent",
						"col_action"].map(function (key) {
						return h("th", { scope: "col", "class": "zmf-" + key }, [t(key)]);
					}))]),
					h("tbody", {}, m.nodes.map(function (n) { return self.node_row(n); }))
				])])
		]);
	};

	View.prototype.node_row = function (n) {
		var self = this, t = self.t;
		return h("tr", { key: n.name, "data-node": n.name }, [
			h("th", { scope: "row" }, [n.name, n.moving ? h("span", { "class": "zmf-sub" }, [n.moving]) : null]),
			h("td", {}, [
				h("span", { "class": "zmf-state zmf-node-" + n.state }, [icon(NODE_ICON[n.state] || "none"), n.health]),
				n.note ? h("span", { "class": "zmf-sub" }, [n.note]) : null
			]),
			h("td", {}, [
				n.fill === null ? t("unknown") : h("div", {
					"class": "zmf-fill zmf-fill-" + n.fill_level, role: "meter", "aria-valuemin": "0", "aria-valuemax": "100",
					"aria-valuenow": n.fill, "aria-label": t("fill_label", n.short_name)
				}, [h("i", { style: { width: n.fill + "%" } })]),
				n.fill === null ? null : h("span", { "class": "zmf-sub" }, [n.fill + " % · " + n.fill_text])
			]),
			h("td", { "class": "zmf-num" }, [n.mailboxes, n.old_copies ? h("span", { "class": "zmf-sub" }, [n.old_copies]) : null]),
			h("td", { "class": "zmf-num" }, [n.size]),
			h("td", {}, [n.agent, n.heard ? h("span", { "class": "zmf-sub" }, [n.heard]) : null]),
			h("td", { "class": "zmf-num" }, [
				h("div", { "class": "zmf-deeds" }, n.deeds.map(function (d) {
					return h("button", {
						type: "button", disabled: !d.may || !!self.busy || !self.is_live(), title: d.why_not || null,
						"aria-label": d.label, "data-deed": d.kind,
						onclick: function () { self.ask_at(d.kind, n.name); }
					}, [d.text]);
				}))
			])
		]);
	};

	View.prototype.running = function (m) {
		var self = this;
		return h("section", { "aria-labelledby": "zmf-jobs-title", key: "running" }, [
			h("h2", { id: "zmf-jobs-title" }, [self.t("jobs_title")]),
			m.running.length === 0 ? h("p", { "class": "zmf-quiet" }, [self.t("jobs_none")]) : null,
			m.running.map(function (j) { return self.job(j); })
		]);
	};

	View.prototype.ended = function (m) {
		var self = this;
		if (m.ended.length === 0) {
			return null;
		}
		return h("section", { "aria-labelledby": "zmf-ended-title", key: "ended" }, [
			h("h2", { id: "zmf-ended-title" }, [self.t("ended_title")]),
			m.ended.map(function (j) { return self.job(j); })
		]);
	};

	View.prototype.job = function (j) {
		var self = this, t = self.t;
		return h("article", { "class": "zmf-job zmf-job-" + j.state, key: j.id, "data-job": j.id, "aria-label": j.title }, [
			h("header", {}, [
				h("div", {}, [
					h("h3", {}, [j.title, " ", h("span", { "class": "zmf-tag zmf-tag-" + j.state }, [j.state_text])]),
					h("p", { "class": "zmf-quiet" }, [j.id + " · " + j.who])
				]),
				h("div", { "class": "zmf-buttons" }, j.actions.map(function (action) {
					return h("button", {
						type: "button", disabled: !!self.busy || !self.is_live(), "data-action": action,
						"aria-label": t("act_on_job", t("act_" + action), j.id),
						onclick: function () { self.ask_job(action, j.id); }
					}, [t("act_" + action)]);
				}))
			]),
			h("div", { "class": "zmf-progress", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
				"aria-valuenow": j.percent, "aria-valuetext": j.percent + " %, " + j.progress_text,
				"aria-label": t("progress_label", j.id) }, [h("i", { style: { width: j.percent + "%" } })]),
			h("p", { "class": "zmf-progress-text" }, [h("strong", {}, [j.percent + " %"]), " ", j.progress_text]),
			j.stall ? h("p", { "class": "zmf-stall", role: "alert" }, [icon("bad"), h("span", {}, [j.stall])]) : null,
			j.reason ? h("p", { "class": "zmf-quiet" }, [j.reason]) : null,
			self.steps(j.steps, "add_steps_now"),
			h("div", { "class": "zmf-job-grid" }, [
				h("dl", { "class": "zmf-facts" }, j.facts.map(function (f) {
					return h("div", {}, [h("dt", {}, [f[0]]), h("dd", {}, [f[1]])]);
				}).concat([h("div", {}, [h("dt", {}, [t("fact_verdict")]),
					h("dd", { "class": "zmf-verdict zmf-verdict-" + j.verdict.level }, [icon(j.verdict.level), j.verdict.text])])])),
				j.line.length > 0 ? self.line(j) : null,
				j.bars.length > 0 ? self.bars(j.bars, t("bars_title")) : null
			]),
			j.next && !j.next.action ? self.next(j.next) : null,
			self.moves(j)
		]);
	};

	/* What a person does outside of this page, in order. */
	View.prototype.steps = function (steps, title) {
		var t = this.t;
		return steps && steps.length > 0 ? h("div", { "class": "zmf-steps" }, [
			h("h3", {}, [t(title)]),
			h("ol", {}, steps.map(function (s) {
				return h("li", {}, [s.text, s.code ? [" ", h("code", {}, [s.code])] : null]);
			}))
		]) : null;
	};

	View.prototype.line = function (j) {
		var d = core.path(j.line, LINE_W, LINE_H);
		return h("figure", { "class": "zmf-line" }, [
			h("figcaption", {}, [this.t("line_title")]),
			h("svg", { viewBox: "0 0 " + LINE_W + " " + LINE_H, role: "img", "aria-label": j.line_label,
				preserveAspectRatio: "none" }, [
				h("path", { "class": "zmf-line-grid", d: "M0 " + LINE_H / 2 + "H" + LINE_W + "M0 1H" + LINE_W }),
				h("path", { "class": "zmf-line-area", d: d + "V" + LINE_H + "H0Z" }),
				h("path", { "class": "zmf-line-path", d: d })
			])
		]);
	};

	/* Load of each node before (outlined) and after (filled). */
	View.prototype.bars = function (bars, title) {
		var t = this.t;
		return h("figure", { "class": "zmf-bars" }, [
			h("figcaption", {}, [title, h("span", { "class": "zmf-legend", "aria-hidden": "true" }, [
				h("i", { "class": "zmf-key-before" }), t("bar_before"), h("i", { "class": "zmf-key-after" }), t("bar_after")])]),
			h("ul", {}, bars.map(function (b) {
				return h("li", { key: b.node, "aria-label": b.label }, [
					h("span", { "class": "zmf-bar-name", title: b.node }, [b.short_name]),
					h("span", { "class": "zmf-bar", "aria-hidden": "true" }, [
						h("i", { "class": "zmf-bar-before", style: { width: b.before + "%" } }),
						h("i", { "class": "zmf-bar-after" + (b.grows ? " zmf-grows" : ""), style: { width: b.after + "%" } })
					]),
					h("span", { "class": "zmf-bar-text" }, [b.before_text + " → " + b.after_text, h("b", {}, [b.change])])
				]);
			}))
		]);
	};

	/* --- the moves of a job --- */

	View.prototype.moves = function (j) {
		var self = this, t = self.t, list = self.open_jobs[j.id];
		return h("div", { "class": "zmf-moves" }, [
			h("button", {
				type: "button", "class": "zmf-link", "aria-expanded": list ? "true" : "false",
				onclick: function () { self.toggle_moves(j.id); }
			}, [t(list ? "moves_hide" : "moves_show")]),
			list && list.problem ? h("p", { role: "alert" }, [list.problem.text]) : null,
			list && list.rows ? self.move_table(j, list) : null
		]);
	};

	View.prototype.toggle_moves = function (id) {
		if (this.open_jobs[id]) {
			delete this.open_jobs[id];
		} else {
			this.open_jobs[id] = { rows: null, failed: false, offset: 0, total: 0 };
			this.load_moves(id);
		}
		this.update();
	};

	View.prototype.load_moves = function (id) {
		var self = this, list = self.open_jobs[id];
		var path = "/v1/moves?job=" + id + "&limit=" + MOVES_SHOWN + "&offset=" + list.offset + (list.failed ? "&failed=1" : "");
		self.client.get(path, function (problem, data) {
			if (self.open_jobs[id] !== list) {
				return;
			}
			list.problem = problem;
			if (data) {
				list.rows = data.moves;
				list.total = data.total;
			}
			self.update();
		});
	};

	View.prototype.move_table = function (j, list) {
		var self = this, t = self.t, context = { t: t, now: Date.now() };
		function go(change) {
			change();
			self.load_moves(j.id);
			self.update();
		}
		return h("div", {}, [
			h("div", { "class": "zmf-moves-bar" }, [
				h("label", {}, [h("input", {
					type: "checkbox", checked: list.failed,
					onchange: function (ev) { go(function () { list.failed = ev.target.checked; list.offset = 0; list.rows = []; }); }
				}), " ", t("moves_failed_only")]),
				list.total > MOVES_SHOWN ? h("span", { "class": "zmf-pages" }, [
					h("button", { type: "button", "class": "zmf-small", disabled: list.offset === 0,
						onclick: function () { go(function () { list.offset = Math.max(0, list.offset - MOVES_SHOWN); }); } },
					[t("page_back")]),
					t("page_text", list.offset + 1, Math.min(list.total, list.offset + MOVES_SHOWN), list.total),
					h("button", { type: "button", "class": "zmf-small", disabled: list.offset + MOVES_SHOWN >= list.total,
						onclick: function () { go(function () { list.offset += MOVES_SHOWN; }); } }, [t("page_on")])
				]) : null
			]),
			list.rows.length === 0 ? h("p", { "class": "zmf-quiet" }, [t("moves_none")]) :
				h("div", { "class": "zmf-scroll" }, [h("table", { "class": "zmf-table zmf-move-table" }, [
					h("thead", {}, [h("tr", {}, ["col_account", "col_target", "col_state", "col_size", "col_lock", "col_verdict"]
						.map(function (key) { return h("th", { scope: "col", "class": "zmf-" + key }, [t(key)]); }))]),
					h("tbody", {}, core.moves(list.rows, context).map(function (m) { return self.move_row(m); }))
				])])
		]);
	};

	View.prototype.move_row = function (m) {
		return h("tr", { key: m.id, "class": "zmf-move-" + m.level, "data-move": m.id }, [
			h("th", { scope: "row" }, [m.account]),
			h("td", {}, [m.target]),
			h("td", {}, [
				h("span", { "class": "zmf-state", title: m.holds || null }, [icon(m.level), m.state_text]),
				m.detail ? h("span", { "class": "zmf-sub" }, [m.detail]) : null,
				m.level === "bad" ? this.next(m.next) : null
			]),
			h("td", { "class": "zmf-num" }, [m.size]),
			h("td", { "class": "zmf-num" }, [m.lock]),
			h("td", {}, [m.verdict ? h("span", { "class": "zmf-state zmf-verdict-" + (m.verdict === "clean" ? "good" : "bad") },
				[icon(m.verdict === "clean" ? "good" : "bad"), m.verdict_text]) : ""])
		]);
	};

	/* --- asking, then doing --- */

	View.prototype.dialog = function (title, content) {
		var self = this;
		if (self.open_dialog) {
			self.open_dialog.close();
		}
		self.open_dialog = new root.ZmFerryDom.Dialog(self.dialogs, title, content, function () {
			self.open_dialog = null;
		});
		return self.open_dialog;
	};

	View.prototype.problem = function (problem, title) {
		var self = this, t = self.t;
		var dialog = self.dialog(title || t("problem_title"), function () {
			return [
				h("p", { "class": "zmf-problem", role: "alert" }, [icon("bad"), h("span", {}, [problem.text])]),
				problem.kind === "network" && self.client.url ? h("p", {}, [h("a", { href: self.client.url, target: "_blank",
					rel: "noopener noreferrer" }, [self.client.url])]) : null,
				problem.next ? h("p", {}, [t("next_step"), " ", h("code", {}, [problem.next])]) : null,
				h("div", { "class": "zmf-dialog-buttons" }, [
					h("button", { type: "button", "data-focus": "1", onclick: function () { dialog.close(); } }, [t("close")])])
			];
		});
	};

	/* One change: the answer is a toast or a dialog with what to do. */
	View.prototype.send = function (method, path, body, extra, done_key) {
		var self = this;
		self.busy = path;
		self.update();
		self.client.call(method, path, body, extra, function (problem, data) {
			self.busy = "";
			if (problem) {
				self.problem(problem);
			} else {
				if (self.open_dialog) {
					self.open_dialog.close();
				}
				self.say(self.t(data && data.approval ? "done_asked" : done_key, data && data.job ? data.job.id : ""));
			}
			self.poller.poll();
			self.update();
		});
	};

	View.prototype.ask_job = function (action, id) {
		var self = this, t = self.t;
		var dialog = self.dialog(t("ask_" + action + "_title", id), function () {
			return [
				h("p", {}, [t("ask_" + action + "_text", id)]),
				h("div", { "class": "zmf-dialog-buttons" }, [
					h("button", {
						type: "button", "class": "zmf-primary", "data-focus": "1", disabled: !!self.busy,
						onclick: function () {
							self.send("POST", "/v1/jobs/" + id + "/" + action, null, {}, "done_" + action);
							dialog.update();
						}
					}, [t("act_" + action)]),
					h("button", { type: "button", onclick: function () { dialog.close(); } }, [t("leave")])
				])
			];
		});
	};

	/* What a server's button or menu says, asked at that server. */
	View.prototype.ask_at = function (kind, node) {
		if (kind === "cordon" || kind === "uncordon") {
			this.ask_cordon(node);
		} else {
			this.ask_deed(kind, node);
		}
	};

	/* Cordons it, or ends that. Nothing is moved or destroyed, so nothing is typed. */
	View.prototype.ask_cordon = function (node) {
		var self = this, t = self.t;
		var verb = core.is_cordoned(self.poller.state.overview, node) ? "uncordon" : "cordon";
		var dialog = self.dialog(t("ask_" + verb + "_title", node), function () {
			return [
				h("p", {}, [t("ask_" + verb + "_text", node)]),
				h("div", { "class": "zmf-dialog-buttons" }, [
					h("button", {
						type: "button", "class": "zmf-primary", "data-focus": "1", disabled: !!self.busy,
						onclick: function () {
							self.send("POST", "/v1/" + verb, { node: node }, {}, "done_" + verb);
							dialog.update();
						}
					}, [t("act_" + verb)]),
					h("button", { type: "button", onclick: function () { dialog.close(); } }, [t("leave")])
				])
			];
		});
	};

	/* The plan first; then the node's name, typed; then the job, once. */
	/* What a plan of that kind is asked with: rebalancing has no node, but one to fill. */
	function wanted_of(kind, node) {
		return kind === "rebalance" ? { kind: kind, to: [node] } : { kind: kind, node: node };
	}

	View.prototype.ask_deed = function (kind, node) {
		var key = root.ZmFerryNet.random_key();
		this.ask_plan({
			kind: kind, node: node, to: [], title: this.t("plan_title_" + kind, node), go: this.t("plan_start"),
			path: "/v1/jobs", done: "done_start",
			intro: kind === "remove" ? this.t("plan_intro_remove", node) : "",
			body: function (plan) {
				var body = wanted_of(kind, plan.node || node);
				body.version = plan.version;
				return body;
			},
			headers: function (plan) { return { "Idempotency-Key": key, "If-Match": "\"" + plan.version + "\"" }; }
		});
	};

	/* A form for the name; its plan, or what the controller says against it; then as with any other. */
	View.prototype.ask_add = function () {
		var self = this, t = self.t, state = { name: "", plan: null, ask: null, problem: null, loading: false, typed: "" };
		var dialog = self.dialog(t("add_title"), function () {
			var adding = core.adding(self.poller.state, t);
			return state.plan ? self.plan_content(state, dialog, state.ask) :
				adding.may ? self.add_form(state, dialog, look) : self.add_refused(adding, dialog);
		});
		function back() {
			state.plan = null;
			state.typed = "";
			dialog.update();
			dialog.focus();
		}
		function look() {
			var name = state.name.replace(/^\s+|\s+$/g, "");
			if (state.loading) {
				return;
			}
			state.name = name;
			state.problem = name === "" ? { text: t("add_needs_name"), next: "" } : null;
			state.loading = name !== "";
			dialog.update();
			if (name === "") {
				dialog.focus();
				return;
			}
			self.client.call("POST", "/v1/plans", { kind: "add", node: name }, {}, function (problem, data) {
				state.loading = false;
				state.problem = problem;
				if (data) {
					state.plan = core.plan(data.plan, t, self.texts, name);
					state.ask = self.add_asked(data.plan.node || name, back);
				}
				if (dialog.node) {
					dialog.update();
					dialog.focus();
				}
				self.update();
			});
		}
	};

	View.prototype.add_asked = function (node, back) {
		var key = root.ZmFerryNet.random_key();
		return {
			kind: "add", go: this.t("plan_start"), path: "/v1/jobs", done: "done_start", back: back,
			intro: this.t("plan_intro_add", node), steps: core.add_steps(node, this.poller.state, this.t),
			body: function (plan) { return { kind: "add", node: node, version: plan.version }; },
			headers: function (plan) { return { "Idempotency-Key": key, "If-Match": "\"" + plan.version + "\"" }; }
		};
	};

	View.prototype.add_form = function (state, dialog, look) {
		var t = this.t;
		return [h("form", { "class": "zmf-form", novalidate: true, key: "add", onsubmit: function (ev) { ev.preventDefault(); look(); } }, [
			h("p", {}, [t("add_text")]),
			h("label", { "for": "zmf-add-name" }, [t("add_name")]),
			h("input", {
				id: "zmf-add-name", type: "text", name: "node", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
				"data-focus": "1", "aria-required": "true", "aria-invalid": state.problem ? "true" : "false",
				"aria-describedby": "zmf-add-hint" + (state.problem ? " zmf-add-problem" : ""), value: state.name,
				oninput: function (ev) { state.name = ev.target.value; }
			}),
			h("p", { id: "zmf-add-hint", "class": "zmf-quiet" }, [t("add_hint"), " ", h("code", {}, ["mbs4.example.org"])]),
			state.problem ? h("div", { id: "zmf-add-problem", role: "alert", "class": "zmf-form-problem" }, [
				h("p", { "class": "zmf-problem" }, [icon("bad"), h("span", {}, [state.problem.text])]),
				state.problem.next ? h("p", {}, [t("next_step"), " ", h("code", {}, [state.problem.next])]) : null
			]) : null,
			h("div", { "class": "zmf-dialog-buttons" }, [
				h("button", { type: "submit", "class": "zmf-primary", disabled: state.loading }, [t("add_look")]),
				h("button", { type: "button", onclick: function () { dialog.close(); } }, [t("leave")])
			]),
			h("p", { role: "status", "class": "zmf-quiet" }, state.loading ? [icon("busy"), " ", t("plan_loading")] : [])
		])];
	};

	View.prototype.add_refused = function (adding, dialog) {
		var t = this.t;
		return [
			h("p", {}, [adding.why_not]),
			adding.setting ? h("p", {}, [t("add_setting"), " ", h("code", {}, [adding.setting])]) : null,
			h("p", {}, [t("add_command"), " ", h("code", {}, ["zmferry add NODE"])]),
			h("div", { "class": "zmf-dialog-buttons" }, [
				h("button", { type: "button", "data-focus": "1", onclick: function () { dialog.close(); } }, [t("close")])])
		];
	};

	/* The second administrator sees the same plan, and types the same word. */
	View.prototype.ask_approve = function (a) {
		this.ask_plan({
			kind: a.kind, node: a.node || a.to.join(", "), to: a.to, title: this.t("approve_title", a.node || a.to.join(", "), this.t("kind_" + a.kind)), go: this.t("approve_go"), done: "done_approve",
			steps: a.kind === "add" ? core.add_steps(a.node, this.poller.state, this.t) : [],
			intro: this.t("approval_text", a.who, a.node || a.to.join(", "), a.mailboxes, a.size, a.at, this.t("kind_" + a.kind)), path: "/v1/approvals/" + a.id + "/approve",
			body: function () { return {}; }, headers: function () { return {}; }
		});
	};

	View.prototype.ask_plan = function (ask) {
		var self = this, t = self.t, state = { plan: null, typed: "", problem: null };
		var wanted = wanted_of(ask.kind, ask.node);
		var dialog = self.dialog(ask.title, function () {
			if (state.problem) {
				return self.plan_problem(state, dialog);
			}
			return state.plan ? self.plan_content(state, dialog, ask) : [
				h("p", { role: "status" }, [icon("busy"), " ", t("plan_loading")]),
				h("div", { "class": "zmf-dialog-buttons" }, [
					h("button", { type: "button", onclick: function () { dialog.close(); } }, [t("leave")])])
			];
		});
		if (ask.to.length > 0) {
			wanted.to = ask.to;
		}
		self.client.call("POST", "/v1/plans", wanted, {}, function (problem, data) {
			state.problem = problem;
			state.plan = data ? core.plan(data.plan, t, self.texts, ask.node) : null;
			if (dialog.node) {
				dialog.update();
				dialog.focus();
			}
			self.update();
		});
	};

	View.prototype.plan_problem = function (state, dialog) {
		var t = this.t;
		return [
			h("p", { "class": "zmf-problem", role: "alert" }, [icon("bad"), h("span", {}, [state.problem.text])]),
			state.problem.next ? h("p", {}, [t("next_step"), " ", h("code", {}, [state.problem.next])]) : null,
			h("div", { "class": "zmf-dialog-buttons" }, [
				h("button", { type: "button", "data-focus": "1", onclick: function () { dialog.close(); } }, [t("close")])])
		];
	};

	View.prototype.plan_content = function (state, dialog, ask) {
		var self = this, t = self.t, p = state.plan;
		var sure = core.confirms(state.typed, p.word);
		function start() {
			if (!core.confirms(state.typed, p.word) || self.busy) {
				return;
			}
			self.send("POST", ask.path, ask.body(p), ask.headers(p), ask.done);
			dialog.update();
		}
		return [
			ask.intro ? h("p", {}, [ask.intro]) : null,
			self.steps(ask.steps, "add_steps_title"),
			h("p", { "class": "zmf-plan-summary" }, [p.summary]),
			p.expected ? h("p", { "class": "zmf-quiet" }, [p.expected]) : null,
			self.bars(p.bars, t("bars_title")),
			p.container && !(ask.steps && ask.steps.length > 0) ? h("p", {}, [t("plan_container"), " ", p.container]) : null,
			p.removal.length > 0 ? h("ul", { "class": "zmf-removal" }, p.removal.map(function (f) {
				return h("li", { "data-level": f.level }, [
					icon(f.level === "blocks" ? "bad" : "none"), h("strong", {}, [f.title]), " " + f.text,
					f.next ? h("span", { "class": "zmf-sub" }, [t("next_step"), " ", h("code", {}, [f.next])]) : null]);
			})) : null,
			p.refused.length > 0 ? h("div", { "class": "zmf-refused" }, [
				h("p", {}, [icon("bad"), " ", p.refused_text]),
				h("ul", {}, p.refused.slice(0, 20).map(function (r) {
					return h("li", {}, [h("strong", {}, [r.account]), " — " + r.why,
						r.next ? h("span", { "class": "zmf-sub" }, [t("next_step"), " ", h("code", {}, [r.next])]) : null]);
				})),
				p.refused.length > 20 ? h("p", { "class": "zmf-quiet" }, [t("and_more", p.refused.length - 20)]) : null
			]) : null,
			h("details", {}, [
				h("summary", {}, [t("plan_moves", p.moves.length)]),
				h("div", { "class": "zmf-scroll zmf-plan-moves" }, [h("table", { "class": "zmf-table" }, [
					h("thead", {}, [h("tr", {}, ["col_account", "col_target", "col_size"].map(function (k) {
						return h("th", { scope: "col", "class": "zmf-" + k }, [t(k)]);
					}))]),
					h("tbody", {}, p.moves.slice(0, 200).map(function (m) {
						return h("tr", {}, [h("th", { scope: "row" }, [m.account]), h("td", {}, [m.target]),
							h("td", { "class": "zmf-num" }, [m.size])]);
					}))
				])]),
				p.moves.length > 200 ? h("p", { "class": "zmf-quiet" }, [t("and_more", p.moves.length - 200)]) : null
			]),
			h("div", { "class": "zmf-notes" }, [
				h("h3", {}, [t("plan_notes")]),
				h("ul", {}, p.notes.map(function (note) { return h("li", {}, [note]); }))
			]),
			p.empty ? null : h("label", { "class": "zmf-confirm" }, [
				h("span", {}, [t("plan_confirm", p.word)]),
				h("input", {
					type: "text", autocomplete: "off", spellcheck: "false", "data-focus": "1", name: "confirm",
					oninput: function (ev) { state.typed = ev.target.value; dialog.update(); },
					onkeydown: function (ev) {
						if (ev.key === "Enter") {
							start();
						}
					}
				})
			]),
			h("div", { "class": "zmf-dialog-buttons" }, [
				p.empty ? null : h("button", { type: "button", "class": "zmf-primary", disabled: !sure || !!self.busy,
					"data-action": "start", onclick: start }, [self.busy ? t("plan_starting") : ask.go]),
				ask.back ? h("button", { type: "button", onclick: ask.back }, [t("add_back")]) : null,
				h("button", { type: "button", onclick: function () { dialog.close(); } }, [t("leave")])
			])
		];
	};

	root.ZmFerryView = { View: View, icon: icon };
}(window));
