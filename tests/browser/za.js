/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the classic admin console that the zimlet touches, written anew for the tests: the
 * same names and the same order of calls, simple inside. SOAP goes to the lab through console.js.
 */
/* global window, document */
var ZA_OP_INDEX = 100;
var _OUTPUT_ = "output", _GROUP_ = "group";
var Dwt = { ABSOLUTE_STYLE: "absolute", SCROLL: "auto" };

/* --- Ajax toolkit --- */

function AjxListener(obj, fn) { this.obj = obj; this.fn = fn; }
AjxListener.prototype.handleEvent = function (ev) { return this.fn.call(this.obj, ev); };
function AjxCallback(obj, fn) { this.obj = obj; this.fn = fn; }
AjxCallback.prototype.run = function (x) { return this.fn.call(this.obj, x); };

function AjxSoapDoc(name, urn) {
	this.doc = document.implementation.createDocument(urn, name, null);
	this.urn = urn;
}
AjxSoapDoc.create = function (name, urn) { return new AjxSoapDoc(name, urn); };
AjxSoapDoc.prototype.getMethod = function () { return this.doc.documentElement; };
AjxSoapDoc.prototype.set = function (name, value) {
	var node = this.doc.createElementNS(this.urn, name);
	node.appendChild(this.doc.createTextNode(String(value)));
	this.doc.documentElement.appendChild(node);
	return node;
};

/* An element as Zimbra's JSON has it: children as arrays, text as _content. */
function soap_json(node) {
	var out = {}, i, child, text = "";
	for (i = 0; i < node.attributes.length; i++) {
		if (node.attributes[i].name.indexOf("xmlns") !== 0) { out[node.attributes[i].name] = node.attributes[i].value; }
	}
	for (child = node.firstChild; child; child = child.nextSibling) {
		if (child.nodeType === 1) {
			(out[child.localName] = out[child.localName] || []).push(soap_json(child));
		} else if (child.nodeType === 3) { text += child.nodeValue; }
	}
	if (text !== "") { out._content = text; }
	return out;
}

function ZmCsfeCommand() {}
ZmCsfeCommand.sent = [];
ZmCsfeCommand.prototype.invoke = function (params) {
	var body = new window.XMLSerializer().serializeToString(params.soapDoc.doc.documentElement);
	ZmCsfeCommand.sent.push(params.soapDoc.doc.documentElement.localName);
	window.fetch("/service/admin/soap/" + params.soapDoc.doc.documentElement.localName, {
		method: "POST", body: body, credentials: "same-origin"
	}).then(function (r) { return r.text(); }).then(function (text) {
		var doc = new window.DOMParser().parseFromString(text, "text/xml");
		var inside = doc.getElementsByTagNameNS("*", "Body")[0].firstElementChild;
		params.callback.run({ getResponse: function () {
			var out = { Body: {} };
			if (inside.localName === "Fault") {
				throw { code: inside.getElementsByTagNameNS("*", "Code")[1].textContent, msg: inside.getElementsByTagNameNS("*", "Text")[0].textContent };
			}
			out.Body[inside.localName] = soap_json(inside);
			return out;
		} });
	});
};

function DwtComposite(params) {
	if (!params) { return; }
	this._el = document.createElement("div");
	this._el.className = params.className || "";
	this._el.style.position = params.posStyle || "static";
}
DwtComposite.prototype.getHtmlElement = function () { return this._el; };
DwtComposite.prototype.setScrollStyle = function (style) { this._el.style.overflow = style; };

/* --- console --- */

function ZaSettings() {}
ZaSettings.EnabledZimlet = { com_zmferry: true, com_other: true };
ZaSettings.initMethods = [];
ZaSettings.loadStyles = function (urls) {
	urls.forEach(function (url) {
		var link = document.createElement("link");
		link.rel = "stylesheet"; link.href = url;
		document.head.appendChild(link);
	});
};

var ZaMsg = { OVP_home: "Home", OVP_monitor: "Monitor", OVP_configure: "Configure" };
var ZaId = { PANEL_APP: "app", getTreeItemId: function () { return Array.prototype.join.call(arguments, "__"); } };

function ZaOperation(id, caption, tooltip, image, disabled_image, listener) {
	this.id = id; this.caption = caption; this.tt = tooltip; this.imageId = image; this.listener = listener;
	this.enabled = true;
}

function ZaController(appCtxt, container, key) {
	this._appCtxt = appCtxt; this._container = container; this._iKeyName = key;
	this._popupOperations = []; this._appbarOperation = []; this._appbarOrder = [];
}
ZaController.initPopupMenuMethods = {};
ZaController.changeActionsStateMethods = {};
ZaController.setViewMethods = {};
ZaController.prototype.getContentViewId = function () { return this._iKeyName; };
ZaController.prototype._initPopupMenu = function () {
	var self = this;
	(ZaController.initPopupMenuMethods[this._iKeyName] || []).forEach(function (fn) { fn.call(self); });
};
ZaController.prototype.changeActionsState = function () {
	var self = this;
	this._popupOperations.forEach(function (op) { op.enabled = true; });
	(ZaController.changeActionsStateMethods[this._iKeyName] || []).forEach(function (fn) { fn.call(self); });
	host.draw();
};
ZaController.prototype.switchToNextView = function (controller, fn, args) { fn.call(controller, args); };

function ZaListViewController() { ZaController.apply(this, arguments); }
ZaListViewController.prototype = new ZaController();
ZaListViewController.prototype.getAppBarAction = function () {
	if (this._appbarOperation.length === 0) { this._appbarOperation[1] = new ZaOperation(1, "Help", "", "Help", "", new AjxListener(this, function () {})); }
	return this._appbarOperation;
};
ZaListViewController.prototype.getAppBarOrder = function () {
	if (this._appbarOrder.length === 0) { this._appbarOrder.push(1); }
	return this._appbarOrder;
};
function ZaServerListController() { ZaListViewController.apply(this, arguments); }
ZaServerListController.prototype = new ZaListViewController();
ZaController.initPopupMenuMethods.ZaServerListController = [];
ZaController.changeActionsStateMethods.ZaServerListController = [];
function ZaServerController() { ZaController.apply(this, arguments); }
ZaServerController.prototype = new ZaController();
ZaController.initPopupMenuMethods.ZaServerController = [];
ZaController.changeActionsStateMethods.ZaServerController = [];

function ZaServer(name, is_mailbox) {
	this.name = name; this.attrs = {};
	this.attrs[ZaServer.A_zimbraMailboxServiceEnabled] = is_mailbox;
}
ZaServer.A_zimbraMailboxServiceEnabled = "_mailbox";

function ZaZimbraAdmin() {}
ZaZimbraAdmin.VIEW_INDEX = 1;
ZaZimbraAdmin.currentUserId = "";
ZaZimbraAdmin.isGlobalAdmin = function () { return true; };
ZaZimbraAdmin.getInstance = function () {
	return { getCurrentAppBar: function () { return { enableButton: function (id, on) { host.bar_enabled[id] = on; host.draw(); } }; } };
};

function ZaTreeItemData(params) { this.params = params; }
var ZaTree = { getPathByArray: function (parts) { return parts.join("%"); } };
var ZaOverviewPanelController = { treeModifiers: [], overviewTreeListeners: {} };
var ZaTabView = { XFormModifiers: { ZaHomeXFormView: [] } };
var ZaHomeXFormView = { getWarningPanelItem: function (xform) { return xform.items[0].items[0].items[0]; } };

function ZaAppViewMgr() { this.views = {}; }
ZaAppViewMgr.C_APP_CONTENT = "APP CONTENT";
ZaAppViewMgr.prototype.createView = function (id, elements) { this.views[id] = elements[ZaAppViewMgr.C_APP_CONTENT]; };

function ZaApp() {
	this._controllers = {}; this._appCtxt = {}; this._container = {}; this._viewMgr = new ZaAppViewMgr(); this._current = null;
}
ZaApp.instance = new ZaApp();
ZaApp.getInstance = function () { return ZaApp.instance; };
ZaApp.prototype.getAppViewMgr = function () { return this._viewMgr; };
ZaApp.prototype.getCurrentController = function () { return this._controllers[this._current] || null; };
/* Hidden views are moved out of sight, not removed. */
ZaApp.prototype.pushView = function (id) {
	var place = document.getElementById("content"), key;
	for (key in this._viewMgr.views) {
		if (Object.prototype.hasOwnProperty.call(this._viewMgr.views, key)) {
			var el = this._viewMgr.views[key].getHtmlElement();
			if (el.parentNode !== place) { place.appendChild(el); }
			el.style.left = key === id ? "0" : "-20000px";
			el.style.top = key === id ? "0" : "-20000px";
		}
	}
	this._current = id;
	host.draw();
};

/* --- the host page: what of the console is drawn --- */

var host = { tree: [], bar_enabled: {}, errors: [] };

function node(tag, class_name, text, parent) {
	var n = document.createElement(tag);
	n.className = class_name || "";
	if (text) { n.textContent = text; }
	if (parent) { parent.appendChild(n); }
	return n;
}

host.draw = function () {
	var bar = document.getElementById("bar"), view, controller = ZaApp.instance.getCurrentController();
	if (!bar || !controller) { return; }
	bar.textContent = "";
	view = ZaApp.instance._viewMgr.views[ZaApp.instance._current];
	node("span", "crumb", "Home – " + (view.crumb || "Monitor – ") + view.getTitle(), bar);
	var right = node("span", "bar-right", "", bar);
	if (controller.getAppBarOrder) {
		controller.getAppBarOrder().forEach(function (id) {
			var op = controller.getAppBarAction()[id], b = node("button", "", op.caption, right);
			b.disabled = host.bar_enabled[id] === false;
			b.onclick = function (ev) { op.listener.handleEvent(ev); };
			b.setAttribute("data-op", op.caption);
		});
	}
	var gear = node("button", "gear", "⚙ ▾", right);
	gear.setAttribute("aria-label", "Menu");
	gear.onclick = function (ev) { host.menu(controller, ev.clientX - 160, ev.clientY + 14); };
};

host.menu = function (controller, x, y) {
	var old = document.querySelector(".menu"), menu;
	if (old) { old.remove(); }
	menu = node("div", "menu", "", document.body);
	menu.style.left = x + "px"; menu.style.top = y + "px";
	controller._popupOperations.forEach(function (op) {
		var item = node("button", "item", op.caption, menu);
		item.disabled = !op.enabled;
		item.title = op.tt || "";
		item.onclick = function (ev) { menu.remove(); op.listener.handleEvent(ev); };
	});
	setTimeout(function () {
		document.addEventListener("click", function gone() { menu.remove(); document.removeEventListener("click", gone); });
	}, 0);
};

host.servers = function (names) {
	var controller = new ZaServerListController({}, {}, "ZaServerListController");
	var view = new DwtComposite({ className: "list", posStyle: "absolute" });
	var chosen = [];
	view.crumb = "Configure – ";
	view.getTitle = function () { return "Servers"; };
	view.getSelection = function () { return chosen; };
	node("div", "row head", "Server name", view.getHtmlElement());
	names.concat(["proxy.example.test"]).forEach(function (name, i) {
		var row = node("div", "row", name, view.getHtmlElement());
		var server = new ZaServer(name, i < names.length);
		function choose() {
			chosen = [server];
			view.getHtmlElement().querySelectorAll(".row").forEach(function (r) { r.classList.remove("chosen"); });
			row.classList.add("chosen");
			controller.changeActionsState();
		}
		row.onclick = choose;
		row.ondblclick = function () { host.server_view(name, i < names.length); };
		row.oncontextmenu = function (ev) { ev.preventDefault(); choose(); host.menu(controller, ev.clientX, ev.clientY); };
	});
	controller._contentView = view;
	controller._initPopupMenu();
	ZaApp.instance._viewMgr.createView("ZaServerListController", { "APP CONTENT": view });
	ZaApp.instance._controllers.ZaServerListController = controller;
	controller.show = function () { ZaApp.instance.pushView("ZaServerListController"); controller.changeActionsState(); };
	host.server_list = controller;
};

/* A server's own view, as a double click in the list opens it: its gear menu is ZaServerController's. */
host.server_view = function (name, is_mailbox) {
	var controller = new ZaServerController({}, {}, "ZaServerController");
	var view = new DwtComposite({ className: "form", posStyle: "absolute" });
	view.crumb = "Configure – Servers – ";
	view.getTitle = function () { return name; };
	node("h1", "", name, view.getHtmlElement());
	controller._contentView = view;     /* a form: it has no selection */
	controller._currentObject = new ZaServer(name, is_mailbox);
	controller.getContentViewId = function () { return "ZaServerController_" + name; };
	controller._initPopupMenu();
	ZaApp.instance._viewMgr.createView(controller.getContentViewId(), { "APP CONTENT": view });
	ZaApp.instance._controllers[controller.getContentViewId()] = controller;
	ZaApp.instance.pushView(controller.getContentViewId());
	controller.changeActionsState();
};

host.home = function () {
	var view = new DwtComposite({ className: "home", posStyle: "absolute" });
	var controller = new ZaController({}, {}, "ZaHomeController");
	var xform = { items: [{ items: [{ items: [{ type: _GROUP_, items: [] }] }] }] };
	view.crumb = " ";
	view.getTitle = function () { return "Home"; };
	ZaTabView.XFormModifiers.ZaHomeXFormView.forEach(function (fn) { fn(xform, null); });
	(function draw(items, into) {
		items.forEach(function (item) {
			if (item.type === _OUTPUT_) { node("div", "", "", into).innerHTML = item.value; }
			if (item.items) { draw(item.items, node("div", "", "", into)); }
		});
	}(xform.items, view.getHtmlElement()));
	node("h1", "", "Welcome to the admin console", view.getHtmlElement());
	ZaApp.instance._viewMgr.createView("ZaHomeController", { "APP CONTENT": view });
	ZaApp.instance._controllers.ZaHomeController = controller;
	controller.show = function () { ZaApp.instance.pushView("ZaHomeController"); };
	host.home_controller = controller;
};

/* As ZaSettings.postInit and the overview panel do it, in their order. */
host.start = function (config) {
	var tree = document.getElementById("tree");
	var box = { addTreeItemData: function (data) { host.tree.push(data.params); return true; } };
	ZaZimbraAdmin.currentUserId = config.user_id;
	ZaZimbraAdmin.isGlobalAdmin = function () { return config.is_global; };
	ZaSettings.initMethods.forEach(function (fn) {
		try { fn.call(ZaSettings); } catch (ex) { host.errors.push(String(ex)); }
	});
	host.servers(config.servers);
	ZaOverviewPanelController.treeModifiers.forEach(function (fn) { fn.call(ZaOverviewPanelController, box); });
	[["Home", function () { host.home_controller.show(); }], ["Servers", function () { host.server_list.show(); }]].forEach(function (entry) {
		node("button", "leaf", entry[0], tree).onclick = entry[1];
	});
	host.tree.forEach(function (params) {
		var leaf = node("button", "leaf", params.text, tree);
		leaf.setAttribute("data-parent", params.parent);
		leaf.onclick = function () { ZaOverviewPanelController.overviewTreeListeners[params.mappingId]({}); };
	});
	host.home();
	host.home_controller.show();
};
