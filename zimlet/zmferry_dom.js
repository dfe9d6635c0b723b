/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page as a function of a model: h() describes, patch() changes the least that makes the real
 * nodes agree, so that focus, selection and what is typed stay. Text is only ever a text node: a
 * name from outside can be any string and do nothing.
 */
(function (root) {
	"use strict";

	var SVG = "http://www.w3.org/2000/svg";
	var FOCUSABLE = "button:not([disabled]), input:not([disabled]), a[href], summary, [tabindex='0']";

	/* h("button", {"class": "x", onclick: fn, key: "k"}, [children]); children: h(), text, null. */
	function h(tag, props, children) {
		var list = [];
		(children || []).forEach(function add(child) {
			if (child instanceof Array) {
				child.forEach(add);
			} else if (child !== null && child !== undefined && child !== false && child !== "") {
				list.push(typeof child === "object" ? child : { text: String(child) });
			}
		});
		return { tag: tag, props: props || {}, children: list };
	}

	function set_prop(node, name, value, before) {
		var event, key;
		if (name === "key" || name === "focus") {
			return;
		}
		if (name.slice(0, 2) === "on") {
			event = name.slice(2);
			if (!node.zmf_on) {
				node.zmf_on = {};
			}
			if (node.zmf_on[event] === undefined) {
				node.addEventListener(event, function (ev) {
					if (node.zmf_on[event]) {
						node.zmf_on[event](ev);
					}
				});
			}
			node.zmf_on[event] = value || null;
		} else if (name === "style") {
			for (key in before || {}) {
				if (!value || value[key] === undefined) {
					node.style[key] = "";
				}
			}
			for (key in value || {}) {
				if (node.style[key] !== value[key]) {
					node.style[key] = value[key];
				}
			}
		} else if (name === "value" || name === "checked" || name === "open") {
			if (value !== before) {
				node[name] = value;
			}
		} else if (value === null || value === undefined || value === false) {
			node.removeAttribute(name);
		} else {
			node.setAttribute(name, value === true ? "" : String(value));
		}
	}

	function create(v, svg) {
		var node, inside = svg || v.tag === "svg", name, i;
		if (v.text !== undefined) {
			return document.createTextNode(v.text);
		}
		node = inside ? document.createElementNS(SVG, v.tag) : document.createElement(v.tag);
		node.zmf = v;
		for (name in v.props) {
			if (Object.prototype.hasOwnProperty.call(v.props, name)) {
				set_prop(node, name, v.props[name], undefined);
			}
		}
		for (i = 0; i < v.children.length; i++) {
			node.appendChild(create(v.children[i], inside));
		}
		return node;
	}

	function same(a, b) {
		return a && a.tag === b.tag && (a.text === undefined) === (b.text === undefined) &&
			(a.props ? a.props.key : undefined) === (b.props ? b.props.key : undefined);
	}

	function description(node) {
		return node.nodeType === 3 ? { text: node.nodeValue } : node.zmf;
	}

	/* Makes node's children agree with v.children. */
	function patch_children(node, v, svg) {
		var keyed = {}, at, i, child, wanted, old, old_text;
		for (child = node.firstChild; child; child = child.nextSibling) {
			if (child.zmf && child.zmf.props.key !== undefined) {
				keyed["k" + child.zmf.props.key] = child;
			}
		}
		at = node.firstChild;
		for (i = 0; i < v.children.length; i++) {
			wanted = v.children[i];
			old = at;
			if (wanted.props && wanted.props.key !== undefined) {
				old = keyed["k" + wanted.props.key] || null;
			} else if (old && !same(description(old), wanted)) {
				old = null;
			}
			if (old && same(description(old), wanted)) {
				if (old !== at) {
					node.insertBefore(old, at);
				} else {
					at = at.nextSibling;
				}
				if (wanted.text !== undefined) {
					old_text = old.nodeValue;
					if (old_text !== wanted.text) {
						old.nodeValue = wanted.text;
					}
				} else {
					patch(old, wanted, svg);
				}
			} else {
				node.insertBefore(create(wanted, svg), at);
			}
		}
		while (at) {
			child = at.nextSibling;
			node.removeChild(at);
			at = child;
		}
	}

	/* Makes a node that create() made agree with v. */
	function patch(node, v, svg) {
		var before = node.zmf.props, inside = svg || v.tag === "svg", name;
		for (name in before) {
			if (Object.prototype.hasOwnProperty.call(before, name) && v.props[name] === undefined) {
				set_prop(node, name, null, before[name]);
			}
		}
		for (name in v.props) {
			if (name === "style" || name.slice(0, 2) === "on" || v.props[name] !== before[name]) {
				set_prop(node, name, v.props[name], before[name]);
			}
		}
		node.zmf = v;
		patch_children(node, v, inside);
	}

	/* Makes the only content of a container what v describes. */
	function render(container, v) {
		if (container.firstChild && container.firstChild.zmf && container.firstChild.zmf.tag === v.tag) {
			patch(container.firstChild, v, false);
			return;
		}
		while (container.firstChild) {
			container.removeChild(container.firstChild);
		}
		container.appendChild(create(v, false));
	}

	/*
	 * A modal dialog over the whole window. content() describes its inside and is asked again by
	 * dialog.update(). Escape and a click beside it close it; focus stays inside and goes back.
	 */
	function Dialog(host, title, content, on_close) {
		var self = this;
		self.before = document.activeElement;
		self.content = content;
		self.on_close = on_close;
		self.node = document.createElement("div");
		self.node.className = "zmf zmf-shade";
		self.title = title;
		self.node.addEventListener("mousedown", function (ev) {
			if (ev.target === self.node) {
				self.close();
			}
		});
		self.node.addEventListener("keydown", function (ev) {
			ev.stopPropagation();
			if (ev.key === "Escape") {
				self.close();
			} else if (ev.key === "Tab") {
				self.keep_focus(ev);
			}
		});
		["keyup", "keypress"].forEach(function (name) {
			self.node.addEventListener(name, function (ev) { ev.stopPropagation(); });
		});
		host.appendChild(self.node);
		self.update();
		self.focus();
	}

	Dialog.prototype.update = function () {
		if (!this.node) {
			return;
		}
		render(this.node, h("div", {
			"class": "zmf-dialog", role: "dialog", "aria-modal": "true", "aria-labelledby": "zmf-dialog-title",
			tabindex: "-1"
		}, [h("h2", { id: "zmf-dialog-title" }, [this.title])].concat(this.content())));
	};

	Dialog.prototype.focus = function () {
		var first = this.node.querySelector("[data-focus]") || this.node.querySelector("button, input");
		(first || this.node.firstChild).focus();
	};

	Dialog.prototype.keep_focus = function (ev) {
		var all = this.node.querySelectorAll(FOCUSABLE), last = all[all.length - 1];
		if (all.length === 0) {
			ev.preventDefault();
		} else if (ev.shiftKey && (document.activeElement === all[0] || !this.node.contains(document.activeElement))) {
			ev.preventDefault();
			last.focus();
		} else if (!ev.shiftKey && document.activeElement === last) {
			ev.preventDefault();
			all[0].focus();
		}
	};

	Dialog.prototype.close = function () {
		if (!this.node) {
			return;
		}
		this.node.parentNode.removeChild(this.node);
		this.node = null;
		if (this.before && this.before.focus && document.body.contains(this.before)) {
			this.before.focus();
		}
		if (this.on_close) {
			this.on_close();
		}
	};

	root.ZmFerryDom = { h: h, render: render, Dialog: Dialog };
}(window));
