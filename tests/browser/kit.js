/* SPDX-License-Identifier: Apache-2.0 */
/* What the browser tests stand on: the installation, the browser, requests without a browser. */
"use strict";

const fs = require("fs");
const https = require("https");
const path = require("path");
const { spawn } = require("child_process");
const readline = require("readline");
const { ROOT } = require("./console.js");

const MODULES = path.join(ROOT, "build/browser/npm/node_modules");
const SHOTS = path.join(ROOT, "build/browser");

/* The python process that holds the installation; one order at a time. */
class Place {
	constructor() {
		this.child = spawn("python3", [path.join(__dirname, "place.py")], { stdio: ["pipe", "pipe", "inherit"] });
		this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
	}

	async answer() {
		const line = await this.lines.next();
		if (line.done) {
			throw new Error("the installation ended");
		}
		const answer = JSON.parse(line.value);
		if (answer.error) {
			throw new Error(answer.error);
		}
		return answer.ok;
	}

	async up() {
		Object.assign(this, await this.answer());
		this.url = `https://${this.controller.host}:${this.controller.port}`;
		this.console_url = `https://${this.console.host}:${this.console.port}`;
		return this;
	}

	do(what, more) {
		this.child.stdin.write(JSON.stringify({ do: what, ...more }) + "\n");
		return this.answer();
	}

	down() {
		return new Promise((resolve) => {
			this.child.on("exit", resolve);
			this.child.stdin.end();
		});
	}

	/* One request to the API: {status, headers, data, text}. */
	api(method, url, options) {
		const o = options || {};
		const headers = { Host: `${this.controller.host}:${this.controller.port}`, ...o.headers };
		if (o.origin) {
			headers.Origin = o.origin;
		}
		if (o.bearer) {
			headers.Authorization = `Bearer ${o.bearer}`;
		}
		const body = o.raw !== undefined ? o.raw : o.body === undefined ? "" : JSON.stringify(o.body);
		if (method === "POST" && !headers["Content-Type"]) {
			headers["Content-Type"] = "application/json";
		}
		return new Promise((resolve, reject) => {
			const request = https.request({ host: this.controller.address, port: this.controller.port, path: url, method, headers,
				ca: fs.readFileSync(this.ca), servername: this.controller.host, localAddress: o.from, agent: o.agent || (o.cert ? false : undefined),
				cert: o.cert, key: o.cert }, (answer) => {
				const parts = [];
				answer.on("data", (d) => parts.push(d));
				answer.on("end", () => {
					const text = Buffer.concat(parts).toString("utf-8");
					let data = null;
					try {
						data = JSON.parse(text);
					} catch (ignore) { /* not JSON: the text is there */ }
					resolve({ status: answer.statusCode, headers: answer.headers, data, text });
				});
			});
			request.on("error", reject);
			request.end(body);
		});
	}

	/* A session for the controller's own page; its secret. */
	async session(who) {
		this.comers = (this.comers || 0) + 1;   /* each from an address of its own: sign-ins have a rate */
		const from = `127.0.78.${this.comers}`;
		const answer = await this.api("POST", "/v1/session", { origin: this.url, from, body: { name: who.name, password: who.password } });
		if (answer.status !== 201) {
			throw new Error(`sign in of ${who.name}: ${answer.status} ${answer.text}`);
		}
		return answer.data.session.secret;
	}
}

module.exports = { MODULES, Place, SHOTS };
