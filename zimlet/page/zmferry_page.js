/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's own page: the same dashboard behind a login of its own, for the hour when the
 * console's server is the sick one.
 */
(function () {
	"use strict";

	var core = window.ZmFerryCore;
	var h = window.ZmFerryDom.h;
	var all = window.ZmFerryMessages;
	var asked = /[?&]lang=([a-z]{2})/.exec(window.location.search);
	var lang = asked ? asked[1] : String(navigator.language || "en").slice(0, 2);
	var texts = all[lang] || all.en;
	var t = core.translator(texts);
	var place = document.getElementById("zmferry");
	var view = null, given = null, waiting = null, problem = null, busy = false;
	var client, poller;

	document.documentElement.lang = all[lang] ? lang : "en";
	document.title = t("page_title");

	/* Name and password are used once; an ended session asks for them again. */
	client = new window.ZmFerryNet.Client({
		url: "", text: t,
		credential: function (done) {
			var once = given;
			given = null;
			if (once) {
				done(null, once);
				return;
			}
			waiting = done;
			show_login();
		}
	});
	poller = new window.ZmFerryNet.Poller(client, function () {
		if (client.session) {
			show_dashboard();
			view.on_poll();
		} else if (!waiting) {
			/* The login was refused: say why, ask again. */
			problem = poller.state.error;
			poller.stop();
			show_login();
		}
	});

	function sign_in(ev) {
		var form = ev.target, done = waiting;
		ev.preventDefault();
		given = { name: form.elements.name.value, password: form.elements.password.value };
		form.elements.password.value = "";
		problem = null;
		busy = true;
		show_login();
		if (done) {
			waiting = null;
			client.credential(done);
		} else {
			poller.running = true;
			poller.poll();
		}
	}

	function show_login() {
		if (view) {
			view.dispose();
			view = null;
			place.className = "";
			place.textContent = "";
		}
		if (waiting || problem) {
			busy = false;
		}
		window.ZmFerryDom.render(place, h("section", { "class": "zmf zmf-login", key: "login" }, [
			h("form", { onsubmit: sign_in, "aria-labelledby": "zmf-login-title" }, [
				h("h1", { id: "zmf-login-title" }, [t("title")]),
				h("p", { "class": "zmf-quiet" }, [t("login_text")]),
				problem ? h("p", { "class": "zmf-problem", role: "alert" }, [window.ZmFerryView.icon("bad"),
					h("span", {}, [problem.text, problem.next ? " " + t("next_step") + " " + problem.next : ""])]) : null,
				h("label", {}, [h("span", {}, [t("login_name")]),
					h("input", { name: "name", type: "text", autocomplete: "username", required: true, spellcheck: "false" })]),
				h("label", {}, [h("span", {}, [t("login_password")]),
					h("input", { name: "password", type: "password", autocomplete: "current-password", required: true })]),
				h("button", { type: "submit", "class": "zmf-primary", disabled: busy }, [t("login_go")])
			])
		]));
		if (!busy && !place.contains(document.activeElement)) {
			place.querySelector("input").focus();
		}
	}

	function show_dashboard() {
		var bar, inside;
		if (view) {
			return;
		}
		busy = false;
		problem = null;
		place.textContent = "";
		bar = document.createElement("div");
		bar.className = "zmf zmf-bar-top";
		inside = document.createElement("div");
		place.appendChild(bar);
		place.appendChild(inside);
		window.ZmFerryDom.render(bar, h("div", {}, [
			h("strong", {}, [t("page_title")]),
			h("button", { type: "button", "class": "zmf-small", onclick: function () {
				poller.stop();
				client.logout(function () {
					poller.state.overview = null;
					poller.state.fetched_ms = 0;
					show_login();
				});
			} }, [t("login_out")])
		]));
		view = new window.ZmFerryView.View({
			container: inside, client: client, poller: poller, texts: texts, lang: all[lang] ? lang : "en"
		});
	}

	show_login();
}());
