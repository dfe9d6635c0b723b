/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zimlet's part in the console: a node under Monitor, "Evacuate..." on servers, a strip on Home.
 * Nothing here may throw while the console starts: one exception would take other zimlets along.
 */
(function () {
	"use strict";

	var NAME = "com_zmferry";
	var DELEGATED_S = 300;
	var STRIP_ID = "com_zmferry_strip";

	if (typeof ZaSettings === "undefined" || !ZaSettings.EnabledZimlet || !ZaSettings.EnabledZimlet[NAME]) {
		return;
	}

	var core = window.ZmFerryCore;
	var texts = window[NAME] || {};
	var t = core.translator(texts);
	var zmferry = { client: null, poller: null, config: null, controller: null, view: null, strip_tries: 9 };

	/* A mistake of ours is a line in the browser's console, never a console that does not start. */
	function safely(what, fn) {
		return function () {
			try {
				return fn.apply(this, arguments);
			} catch (ex) {
				if (window.console) {
					window.console.error("com_zmferry: " + what + ": " + (ex && ex.message ? ex.message : ex));
				}
				return undefined;
			}
		};
	}

	/* --- Zimbra: our settings, a token for the one exchange --- */

	/* done(fault text or null, body). own_token: leave the token to the cookie. */
	function soap(doc, own_token, done) {
		var params = {
			soapDoc: doc, asyncMode: true, noAuthToken: own_token, ignoreAuthToken: own_token,
			skipExpiredToken: own_token,
			callback: new AjxCallback(null, function (result) {
				var body;
				try {
					body = result.getResponse().Body;
				} catch (ex) {
					done(String(ex && (ex.msg || ex.message || ex.code) || ex), null);
					return;
				}
				done(null, body);
			})
		};
		try {
			new ZmCsfeCommand().invoke(params);
		} catch (ex) {
			done(String(ex && (ex.msg || ex.message || ex.code) || ex), null);
		}
	}

	function list(x) {
		return x instanceof Array ? x : x ? [x] : [];
	}

	/* The console throws the answer with our configuration away, so it is asked for once more. */
	function read_config(done) {
		soap(AjxSoapDoc.create("GetAdminExtensionZimletsRequest", "urn:zimbraAdmin", null), false, function (fault, body) {
			var config = {};
			if (fault) {
				done(fault, null);
				return;
			}
			list(body.GetAdminExtensionZimletsResponse.zimlets).forEach(function (all) {
				list(all.zimlet).forEach(function (one) {
					list(one.zimletConfig).forEach(function (c) {
						if (c.name === NAME) {
							list(c.global).concat(list(c.host)).forEach(function (part) {
								list(part.property).forEach(function (p) { config[p.name] = p._content; });
							});
						}
					});
				});
			});
			done(null, config);
		});
	}

	function read_token(body, name) {
		var auth = body && body[name] && body[name].authToken;
		return auth && auth[0] ? auth[0]._content : "";
	}

	/* The token of the page itself. csrfTokenSecured, or Zimbra weakens the cookie. */
	function page_token(done) {
		var doc = AjxSoapDoc.create("AuthRequest", "urn:zimbraAdmin", null);
		doc.getMethod().setAttribute("refresh", "1");
		doc.set("csrfTokenSecured", "1");
		soap(doc, true, function (fault, body) {
			done(fault, read_token(body, "AuthResponse"));
		});
	}

	/* A weaker one of a few minutes, for oneself: only global administrators get it. */
	function delegated_token(done) {
		var doc = AjxSoapDoc.create("DelegateAuthRequest", "urn:zimbraAdmin", null);
		var who = doc.set("account", ZaZimbraAdmin.currentUserId);
		doc.getMethod().setAttribute("duration", String(DELEGATED_S));
		who.setAttribute("by", "id");
		soap(doc, false, function (fault, body) {
			done(fault, read_token(body, "DelegateAuthResponse"));
		});
	}

	function problem(text) {
		return { status: 0, kind: "refused", text: text, next: "" };
	}

	/* The controller's address and a token: read when they are needed first. */
	function credential(done) {
		function with_token(fault, token) {
			if (fault || !token) {
				done(problem(t("err_no_token", fault || "")));
			} else {
				done(null, { token: token, kind: zmferry.config.tokenKind === "delegated" ? "delegated" : "admin" });
			}
		}
		if (!zmferry.client.url) {
			read_config(function (fault, config) {
				if (fault) {
					done(problem(t("err_no_config", fault)));
					return;
				}
				zmferry.config = config;
				zmferry.client.url = core.controller_url(config.controllerUrl) || "";
				zmferry.poller.state.url = zmferry.client.url;
				if (zmferry.client.url) {
					credential(done);
				} else {
					done(problem(t("err_no_url")));
				}
			});
			return;
		}
		if (zmferry.config.tokenKind === "delegated" && ZaZimbraAdmin.isGlobalAdmin()) {
			delegated_token(with_token);
		} else {
			page_token(with_token);
		}
	}

	zmferry.client = new window.ZmFerryNet.Client({ url: "", credential: safely("credential", credential), text: t });
	zmferry.poller = new window.ZmFerryNet.Poller(zmferry.client, safely("poll", function () {
		if (zmferry.view) {
			zmferry.view.zmf.on_poll();
		}
		fill_strip();
		/* Nobody looks: one answer is enough. */
		if (!is_shown()) {
			zmferry.poller.stop();
		}
	}));

	function is_shown() {
		var current = ZaApp.getInstance() && ZaApp.getInstance().getCurrentController();
		return !!zmferry.controller && current === zmferry.controller;
	}

	/* --- the view --- */

	ZaZimbraAdmin._ZMFERRY_VIEW = ZaZimbraAdmin.VIEW_INDEX++;
	/* Of a server's menu, in this order; the first is in the bar, too. */
	var DEEDS = [["evacuate", "EVACUATE"], ["restore", "RESTORE"], ["rebalance", "REBALANCE"], ["cordon", "CORDON"],
		["remove", "REMOVE"]];
	DEEDS.forEach(function (deed) { ZaOperation["ZMFERRY_" + deed[1]] = ++ZA_OP_INDEX; });
	ZaOperation.ZMFERRY_MOVES = ++ZA_OP_INDEX;

	function ZmFerryPanel(parent) {
		DwtComposite.call(this, { parent: parent, className: "zmf-panel", posStyle: Dwt.ABSOLUTE_STYLE });
		var place = document.createElement("div");
		this.setScrollStyle(Dwt.SCROLL);
		this.getHtmlElement().appendChild(place);
		this.zmf = new window.ZmFerryView.View({
			container: place, client: zmferry.client, poller: zmferry.poller, texts: texts,
			lang: texts.lang
		});
	}
	ZmFerryPanel.prototype = new DwtComposite();
	ZmFerryPanel.prototype.constructor = ZmFerryPanel;
	ZmFerryPanel.prototype.toString = function () { return "ZmFerryPanel"; };
	ZmFerryPanel.prototype.getTitle = function () { return t("OVP_zmferry"); };
	ZmFerryPanel.prototype.getTabTitle = ZmFerryPanel.prototype.getTitle;
	ZmFerryPanel.prototype.getTabIcon = function () { return "ZmFerry"; };
	ZmFerryPanel.prototype.setObject = function () {};

	function ZmFerryController(appCtxt, container) {
		ZaController.call(this, appCtxt, container, "ZmFerryController");
		this._popupOperations = [];
		this._UICreated = false;
	}
	ZmFerryController.prototype = new ZaController();
	ZmFerryController.prototype.constructor = ZmFerryController;
	ZmFerryController.prototype.toString = function () { return "ZmFerryController"; };
	ZmFerryController.prototype.getPopUpOperation = function () { return this._popupOperations; };
	ZmFerryController.prototype.getAppBarAction = function () { return []; };
	ZmFerryController.prototype.getAppBarOrder = function () { return []; };

	ZmFerryController.prototype.show = function () {
		var elements = {}, app = ZaApp.getInstance();
		if (!this._UICreated) {
			this._contentView = zmferry.view = new ZmFerryPanel(this._container);
			this._popupOperations[ZaOperation.ZMFERRY_MOVES] = new ZaOperation(ZaOperation.ZMFERRY_MOVES, t("refresh"),
				t("OP_moves_tip"), "Refresh", "RefreshDis", new AjxListener(this, function () { zmferry.poller.poll(); }));
			this._initPopupMenu();
			elements[ZaAppViewMgr.C_APP_CONTENT] = this._contentView;
			app.getAppViewMgr().createView(this.getContentViewId(), elements);
			app._controllers[this.getContentViewId()] = this;
			this._UICreated = true;
		}
		app.pushView(this.getContentViewId());
		zmferry.view.zmf.update();
		zmferry.poller.start();
	};

	/* Shows the dashboard; then() afterwards, when it is there. */
	function open_dashboard(then) {
		var app = ZaApp.getInstance(), current = app.getCurrentController();
		if (!zmferry.controller) {
			zmferry.controller = new ZmFerryController(app._appCtxt, app._container);
		}
		if (current && current !== zmferry.controller && current.switchToNextView) {
			current.switchToNextView(zmferry.controller, ZmFerryController.prototype.show, null);
		} else {
			zmferry.controller.show();
		}
		if (then) {
			then(zmferry.view.zmf);
		}
	}

	ZaOverviewPanelController.treeModifiers.push(safely("tree", function (tree) {
		tree.addTreeItemData(new ZaTreeItemData({
			parent: ZaTree.getPathByArray([ZaMsg.OVP_home, ZaMsg.OVP_monitor]),
			id: ZaId.getTreeItemId(ZaId.PANEL_APP, "monHV", null, "zmferryHV"),
			text: t("OVP_zmferry"), mappingId: ZaZimbraAdmin._ZMFERRY_VIEW, image: "ZmFerry"
		}));
		if (ZaOverviewPanelController.overviewTreeListeners) {
			ZaOverviewPanelController.overviewTreeListeners[ZaZimbraAdmin._ZMFERRY_VIEW] =
				safely("tree click", function () { open_dashboard(null); });
		}
	}));

	/* --- Configure > Servers --- */

	/* The one mailbox server that is selected, or null. */
	function chosen_server(controller) {
		var chosen = controller._contentView && controller._contentView.getSelection ?
			list(controller._contentView.getSelection()) : list(controller._currentObject);
		var server = chosen.length === 1 ? chosen[0] : null;
		return server && server.attrs && server.attrs[ZaServer.A_zimbraMailboxServiceEnabled] ? server : null;
	}

	function deed_operation(controller, deed) {
		return new ZaOperation(ZaOperation["ZMFERRY_" + deed[1]], t("OP_" + deed[0]), t("OP_" + deed[0] + "_tip"), "MoveMailbox",
			"MoveMailboxDis", new AjxListener(controller, safely(deed[0], function () {
				var server = chosen_server(this);
				if (server) {
					open_dashboard(function (view) { view.ask_at(deed[0], server.name); });
				}
			})));
	}

	["ZaServerListController", "ZaServerController"].forEach(function (key) {
		ZaController.initPopupMenuMethods[key] = ZaController.initPopupMenuMethods[key] || [];
		ZaController.initPopupMenuMethods[key].push(safely("menu", function () {
			var controller = this;
			DEEDS.forEach(function (deed) {
				controller._popupOperations[ZaOperation["ZMFERRY_" + deed[1]]] = deed_operation(controller, deed);
			});
		}));
		ZaController.changeActionsStateMethods[key] = ZaController.changeActionsStateMethods[key] || [];
		ZaController.changeActionsStateMethods[key].push(safely("menu state", function () {
			var operations = this._popupOperations, enabled = !!chosen_server(this);
			DEEDS.forEach(function (deed) {
				var operation = operations[ZaOperation["ZMFERRY_" + deed[1]]];
				if (operation) {
					operation.enabled = enabled;
				}
			});
			if (key === "ZaServerListController" && ZaZimbraAdmin.getInstance().getCurrentAppBar) {
				ZaZimbraAdmin.getInstance().getCurrentAppBar().enableButton(ZaOperation.ZMFERRY_EVACUATE, enabled);
			}
		}));
	});

	/* One button in the bar of the server list. */
	var bar_action = ZaServerListController.prototype.getAppBarAction;
	var bar_order = ZaServerListController.prototype.getAppBarOrder;
	ZaServerListController.prototype.getAppBarAction = function () {
		var all = bar_action ? bar_action.apply(this, arguments) : {};
		var add = safely("bar", function (controller) {
			if (!all[ZaOperation.ZMFERRY_EVACUATE]) {
				all[ZaOperation.ZMFERRY_EVACUATE] = deed_operation(controller, DEEDS[0]);
			}
		});
		add(this);
		return all;
	};
	ZaServerListController.prototype.getAppBarOrder = function () {
		var all = bar_order ? bar_order.apply(this, arguments) : [];
		if (all.indexOf(ZaOperation.ZMFERRY_EVACUATE) < 0) {
			all.push(ZaOperation.ZMFERRY_EVACUATE);
		}
		return all;
	};

	/* --- Home: a strip while something moves --- */

	/* Text goes into an element of our own; the form only gives it a place. */
	ZaTabView.XFormModifiers.ZaHomeXFormView = ZaTabView.XFormModifiers.ZaHomeXFormView || [];
	ZaTabView.XFormModifiers.ZaHomeXFormView.push(safely("home", function (xform) {
		ZaHomeXFormView.getWarningPanelItem(xform).items.push({
			type: _GROUP_, numCols: 1, width: "100%", colSizes: ["*"],
			items: [{ type: _OUTPUT_, value: "<div id='" + STRIP_ID + "'></div>" }]
		});
		zmferry.strip_tries = 0;
		zmferry.poller.poll();
	}));

	function fill_strip() {
		var place = document.getElementById(STRIP_ID), overview = zmferry.poller.state.overview, model, h;
		if (!place && zmferry.strip_tries++ < 5) {
			window.setTimeout(safely("strip", fill_strip), 1000);
		}
		if (!place || !overview) {
			return;
		}
		h = window.ZmFerryDom.h;
		model = core.overview(zmferry.poller.state, { t: t, now: Date.now() });
		place.className = "zmf";
		window.ZmFerryDom.render(place, h("div", {}, [
			model.running.length === 0 ? null : h("div", { "class": "zmf-strip zmf-warn" }, [
				window.ZmFerryView.icon("go"),
				h("span", {}, [t("strip_one", model.summary)]),
				h("button", { type: "button", "class": "zmf-small", onclick: safely("strip", function () { open_dashboard(null); }) },
					[t("strip_link")])
			])
		]));
	}

	ZaSettings.initMethods.push(safely("styles", function () {
		ZaSettings.loadStyles(["/service/zimlet/" + NAME + "/zmferry.css?v=0.1.0"]);
	}));
}());
