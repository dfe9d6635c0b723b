/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller over HTTPS: one exchange of a credential for a session that lives in this
 * object only, then requests with it; polling that slows down when nobody looks or nobody answers.
 * What can go wrong is one kind of thing: {kind, text, next, status}.
 */
(function (root) {
	"use strict";

	var core = root.ZmFerryCore;
	var TIMEOUT_MS = 20000;
	var PLAN_TIMEOUT_MS = 120000;

	function random_key() {
		var bytes = new root.Uint8Array(16), text = "", i;
		root.crypto.getRandomValues(bytes);
		for (i = 0; i < bytes.length; i++) {
			text += (bytes[i] < 16 ? "0" : "") + bytes[i].toString(16);
		}
		return text;
	}

	/*
	 * options.url: "https://host:port", or "" for the page's own controller.
	 * options.credential(done): calls done(problem, {token} or {name, password}) when a session is wanted.
	 * options.text(key): texts of problems made here.
	 */
	function Client(options) {
		this.url = options.url;
		this.credential = options.credential;
		this.text = options.text;
		this.fetch = options.fetch || root.fetch.bind(root);
		this.session = null;
		this.bearer = null;
		this.etags = {};
		this.logging_in = null;
	}

	Client.prototype.raw = function (method, path, headers, body, timeout_ms, done) {
		var self = this, over = false, timer, abort = root.AbortController ? new root.AbortController() : null;
		var init = { method: method, headers: headers, credentials: "omit", cache: "no-store", redirect: "error" };

		function end(problem, status, data, etag) {
			if (!over) {
				over = true;
				root.clearTimeout(timer);
				done(problem, status, data, etag);
			}
		}
		function network(late) {
			end({ status: 0, kind: "network", text: self.text(late ? "err_timeout" : "err_network"), next: "" }, 0);
		}

		if (abort) {
			init.signal = abort.signal;
		}
		if (body !== null) {
			init.body = JSON.stringify(body);
		}
		timer = root.setTimeout(function () {
			network(true);
			if (abort) {
				abort.abort();
			}
		}, timeout_ms);
		self.fetch(self.url + path, init).then(function (response) {
			if (response.status === 304) {
				end(null, 304, null, null);
				return null;
			}
			return response.text().then(function (text) {
				var data = null;
				try {
					data = JSON.parse(text);
				} catch (ignore) {
					end({ status: response.status, kind: "peer", text: self.text("err_no_json"), next: "" },
						response.status);
					return;
				}
				end(null, response.status, data, response.headers.get("ETag"));
			});
		}).then(null, function () {
			network(false);
		});
	};

	/* One exchange at a time, however many requests wait for it. */
	Client.prototype.login = function (done) {
		var self = this;

		if (self.logging_in) {
			self.logging_in.push(done);
			return;
		}
		self.logging_in = [done];
		function all(problem) {
			var waiting = self.logging_in;
			self.logging_in = null;
			waiting.forEach(function (fn) { fn(problem); });
		}
		self.credential(function (problem, credential) {
			if (problem) {
				all(problem);
				return;
			}
			self.raw("POST", "/v1/session", { "Content-Type": "application/json" }, credential, TIMEOUT_MS,
				function (failed, status, data) {
					if (failed || status !== 201) {
						all(failed || core.problem(status, data));
						return;
					}
					self.bearer = data.session.secret;
					data.session.secret = "";
					self.session = data.session;
					self.etags = {};
					all(null);
				});
		});
	};

	Client.prototype.forget = function () {
		this.bearer = null;
		this.session = null;
		this.etags = {};
	};

	/* Ends the session at the controller as well. */
	Client.prototype.logout = function (done) {
		var self = this;

		if (!self.bearer) {
			done();
			return;
		}
		self.raw("DELETE", "/v1/session", { Authorization: "Bearer " + self.bearer }, null, TIMEOUT_MS, function () {
			self.forget();
			done();
		});
	};

	/* done(problem, data); data is null when nothing changed since the last time (GET). */
	Client.prototype.call = function (method, path, body, extra, done) {
		var self = this, again = false;

		function once() {
			var headers = { Authorization: "Bearer " + self.bearer }, name;
			var timeout_ms = path === "/v1/plans" || path === "/v1/jobs" ? PLAN_TIMEOUT_MS : TIMEOUT_MS;

			if (method !== "GET") {
				headers["Content-Type"] = "application/json";
			} else if (self.etags[path]) {
				headers["If-None-Match"] = self.etags[path];
			}
			for (name in extra || {}) {
				if (Object.prototype.hasOwnProperty.call(extra, name)) {
					headers[name] = extra[name];
				}
			}
			self.raw(method, path, headers, method === "GET" ? null : body || {}, timeout_ms,
				function (problem, status, data, etag) {
					if (problem) {
						done(problem);
					} else if (status === 401 && !again) {
						again = true;
						self.forget();
						enter();
					} else if (status === 304) {
						done(null, null);
					} else if (status < 200 || status > 299) {
						done(core.problem(status, data));
					} else {
						if (method === "GET" && etag) {
							self.etags[path] = etag;
						}
						done(null, data);
					}
				});
		}
		function enter() {
			self.login(function (problem) {
				if (problem) {
					done(problem);
				} else {
					once();
				}
			});
		}

		if (self.bearer) {
			once();
		} else {
			enter();
		}
	};

	Client.prototype.get = function (path, done) {
		this.call("GET", path, null, null, done);
	};

	/* The state of the page: what was last seen, and when. listener() after every change. */
	function Poller(client, listener) {
		this.client = client;
		this.listener = listener;
		this.state = { overview: null, session: null, fetched_ms: 0, error: null, url: client.url };
		this.failures = 0;
		this.timer = null;
		this.running = false;
		this.round = 0;
	}

	Poller.prototype.start = function () {
		if (!this.running) {
			this.running = true;
			this.poll();
		}
	};

	Poller.prototype.stop = function () {
		this.running = false;
		this.round++;
		root.clearTimeout(this.timer);
	};

	Poller.prototype.poll = function () {
		var self = this, round = ++self.round;

		root.clearTimeout(self.timer);
		self.client.get("/v1/overview", function (problem, data) {
			if (round !== self.round) {
				return;
			}
			if (problem) {
				self.failures++;
				self.state.error = problem;
			} else {
				self.failures = 0;
				self.state.error = null;
				self.state.fetched_ms = Date.now();
				if (data !== null) {
					self.state.overview = data;
				}
			}
			self.state.session = self.client.session;
			if (self.running) {
				self.timer = root.setTimeout(function () { self.poll(); },
					core.poll_ms(self.failures, !!root.document.hidden));
			}
			self.listener();
		});
	};

	root.ZmFerryNet = { Client: Client, Poller: Poller, random_key: random_key };
}(window));
