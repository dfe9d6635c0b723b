/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's server: the host page, the zimlet as one compressed bundle, and SOAP passed on to
 * the lab with the token of an HttpOnly cookie, as mailboxd's admin port does.
 */
"use strict";

const fs = require("fs");
const https = require("https");
const path = require("path");
const { execFileSync } = require("child_process");

const ROOT = path.resolve(__dirname, "../..");
const COOKIE = "ZM_ADMIN_AUTH_TOKEN";
const INCLUDES = ["zmferry_core.js", "zmferry_net.js", "zmferry_dom.js", "zmferry_view.js", "com_zmferry.js"];

/* The YUI compressor, as ZimletResources runs it; throws with its words when a file does not pass. */
function compress(file, modules) {
	const jar = path.join(modules, "yuicompressor/build/yuicompressor-2.4.8.jar");
	return execFileSync("java", ["-jar", jar, "--type", "js", file], { encoding: "utf-8", stdio: ["ignore", "pipe", "pipe"] });
}

/* What Props2Js makes of the properties. */
function messages(lang) {
	const texts = {};
	for (const name of lang === "en" ? ["com_zmferry.properties"] : ["com_zmferry.properties", `com_zmferry_${lang}.properties`]) {
		for (const line of fs.readFileSync(path.join(ROOT, "zimlet", name), "latin1").split("\n")) {
			const at = line.indexOf("=");
			if (at > 0 && !line.startsWith("#")) {
				texts[line.slice(0, at).trim()] = JSON.parse(`"${line.slice(at + 1).trim().replace(/"/g, "\\\"")}"`);
			}
		}
	}
	return `window["com_zmferry"] = ${JSON.stringify(texts)};\n`;
}

function bundle(modules) {
	return INCLUDES.map((name) => compress(path.join(ROOT, "zimlet", name), modules)).join("\n");
}

function read(stream) {
	return new Promise((resolve, reject) => {
		const parts = [];
		stream.on("data", (d) => parts.push(d));
		stream.on("end", () => resolve(Buffer.concat(parts).toString("utf-8")));
		stream.on("error", reject);
	});
}

/* One SOAP request at one of the lab's nodes. */
function soap(place, body, token) {
	const at = place.nodes[place.nodes.length - 1];
	const head = token ? `<authToken>${token}</authToken>` : "";
	const text = `<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Header><context xmlns="urn:zimbra">` +
		`${head}</context></soap:Header><soap:Body>${body}</soap:Body></soap:Envelope>`;
	return new Promise((resolve, reject) => {
		const request = https.request({ host: at.address, port: place.ports.admin, path: "/service/admin/soap", method: "POST",
			rejectUnauthorized: false }, (answer) => read(answer).then((t) => resolve({ status: answer.statusCode, text: t }), reject));
		request.on("error", reject);
		request.end(text);
	});
}

async function login(place, who) {
	const answer = await soap(place, `<AuthRequest xmlns="urn:zimbraAdmin"><name>${who.name}</name><password>${who.password}` +
		"</password></AuthRequest>");
	return /<authToken>(.*?)</.exec(answer.text)[1];
}

class Console {
	constructor(place, modules) {
		this.place = place;
		this.bundle = bundle(modules);
		this.broken = "";   /* a script that another zimlet of the bundle has, to see that ours lives on */
		this.server = https.createServer({ cert: fs.readFileSync(place.console.cert), key: fs.readFileSync(place.console.key) },
			(rq, rs) => this.serve(rq, rs).catch((e) => { rs.writeHead(500); rs.end(String(e)); }));
	}

	start() {
		return new Promise((resolve) => this.server.listen(this.place.console.port, this.place.console.address, resolve));
	}

	stop() {
		this.server.closeAllConnections();
		this.server.close();
	}

	token(rq) {
		const found = new RegExp(`${COOKIE}=([^;]+)`).exec(rq.headers.cookie || "");
		return found ? found[1] : "";
	}

	async serve(rq, rs) {
		const url = new URL(rq.url, "https://console");
		const send = (type, text, more) => { rs.writeHead(200, { "Content-Type": type, "X-Frame-Options": "SAMEORIGIN", ...more }); rs.end(text); };
		if (url.pathname === "/zimbraAdmin/") {
			return send("text/html; charset=utf-8", this.page(url.searchParams));
		}
		if (url.pathname === "/za.js") {
			return send("text/javascript; charset=utf-8", fs.readFileSync(path.join(__dirname, "za.js")));
		}
		if (url.pathname === "/service/zimlet/res/Zimlets-nodev_all.js.zgz.js") {
			return send("text/javascript; charset=utf-8", messages(url.searchParams.get("language") || "en") + this.bundle);
		}
		if (url.pathname === "/service/zimlet/com_zmferry/zmferry.css") {
			return send("text/css; charset=utf-8", fs.readFileSync(path.join(ROOT, "zimlet/zmferry.css")));
		}
		if (url.pathname.startsWith("/service/admin/soap/") && rq.method === "POST") {
			let body = await read(rq);
			const token = this.token(rq);
			if (body.startsWith("<AuthRequest") && token) {
				if (!body.includes("<csrfTokenSecured>1")) {
					throw new Error("an AuthRequest without csrfTokenSecured weakens the cookie");
				}
				body = body.replace("</AuthRequest>", `<authToken>${token}</authToken></AuthRequest>`);
			}
			const answer = await soap(this.place, body, token);
			return send("application/xml", answer.text);
		}
		rs.writeHead(404);
		return rs.end();
	}

	page(query) {
		const config = { user_id: query.get("user") || "", is_global: query.get("global") !== "0",
			servers: this.place.nodes.map((n) => n.host) };
		return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Administration</title><style>
body{margin:0;font:13px "Helvetica Neue",Arial,sans-serif;background:#fff;overflow:hidden}
#top{background:#0a6aa1;color:#fff;height:44px;display:flex;align-items:center;padding:0 18px;font-size:17px}
#tree{position:absolute;top:44px;left:0;bottom:0;width:190px;background:#eef1f4;border-right:1px solid #ccd4da;padding-top:8px}
#tree .leaf{display:block;width:100%;text-align:left;border:0;background:none;font:inherit;padding:7px 16px;cursor:pointer}
#tree .leaf:hover{background:#dde5eb}
#bar{position:absolute;top:44px;left:191px;right:0;height:34px;background:#dfe6eb;display:flex;align-items:center;justify-content:space-between;padding:0 12px}
#bar button{font:inherit;margin-left:8px}
#content{position:absolute;top:78px;left:191px;right:0;bottom:0;overflow:hidden}
#content>div{width:100%;height:100%;box-sizing:border-box}
.row{padding:7px 14px;border-bottom:1px solid #e4e9ed;cursor:default}.row.head{background:#f2f5f7;font-weight:bold}.row.chosen{background:#cfe3f1}
.menu{position:fixed;background:#fff;border:1px solid #9fb0bd;box-shadow:0 3px 10px rgba(0,0,0,.25);z-index:500;min-width:160px;padding:4px 0}
.menu .item{display:block;width:100%;text-align:left;border:0;background:none;font:inherit;padding:6px 14px}
.home{padding:16px}.home h1{font-size:18px}
</style><script src="/za.js"></script><script>document.cookie="ZA_TEST=1"</script></head><body>
<div id="top">Administration</div><div id="tree"></div><div id="bar"></div><div id="content"></div>
<script src="/service/zimlet/res/Zimlets-nodev_all.js.zgz.js?language=${encodeURIComponent(query.get("language") || "en")}"></script>
<script>host.start(${JSON.stringify(config).replace(/</g, "\\u003c")});</script></body></html>`;
	}
}

module.exports = { Console, COOKIE, INCLUDES, ROOT, compress, login, messages, soap };
