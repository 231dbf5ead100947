// Keeps an open page true: told that something changed, it fetches the page again and swaps the parts that differ.
// Parts are elements with an id and `data-live`. Without this script pages are as they were when they were opened.
"use strict";

(() => {
  const page = document.documentElement;
  const root = page.dataset.root;
  const offline = document.getElementById("offline");
  let busy = false;
  let again = false;

  // What somebody is filling in stays as it is.
  function inUse(part) {
    const active = document.activeElement;
    if (active && part.contains(active) && active.matches("input, textarea, select")) return true;
    return [...part.querySelectorAll("input, textarea, select")].some((field) =>
      field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked
        : field.matches("input:not([type=hidden]), textarea") && field.value !== field.defaultValue);
  }

  function swap(old, fresh) {
    if (old.innerHTML === fresh.innerHTML || inUse(old)) return;
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const address = active && active.getAttribute("href");
    const focused = active && (active.id || null);
    const places = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const open = new Set([...old.querySelectorAll("details[open][id]")].map((one) => one.id));
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll(".scroll").forEach((one, index) => { one.scrollLeft = places[index] || 0; });
    open.forEach((id) => { const one = document.getElementById(id); if (one) one.open = true; });
    if (!active) return;
    const again = focused ? document.getElementById(focused)
      : address && [...old.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === address);
    if (again) again.focus({ preventScroll: true });
  }

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.reload(); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      page.dataset.version = fresh.documentElement.dataset.version;
      for (const part of fresh.querySelectorAll("[data-live]")) {
        const old = document.getElementById(part.id);
        if (old) swap(old, part);
        else if (document.getElementById("error") || fresh.getElementById("error")) { location.reload(); return; }
      }
      document.title = fresh.title;
    } catch {
      offline.hidden = false;
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  }

  function watch() {
    const events = new EventSource(`${root}/live?seen=${encodeURIComponent(page.dataset.version)}`);
    events.addEventListener("open", () => { offline.hidden = true; });
    events.addEventListener("changed", (event) => { if (event.data !== page.dataset.version) refresh(); });
    events.addEventListener("error", () => {
      offline.hidden = false;
      // A browser gives up where the answer was no stream (a session that ended, a server that drains).
      if (events.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); watch(); }, 3000);
    });
    addEventListener("pagehide", () => events.close(), { once: true });
  }

  // A question whose answer is shown as it is written; then the page of the answer, as a reload would show it.
  function stream(form) {
    const out = document.getElementById("stream");
    const failed = document.getElementById("failed");
    const halt = document.getElementById("halt");
    const ask = form.querySelector("button.main");

    async function read(answer) {
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let left = "";
      let receipt = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return receipt;
        const lines = (left + value).split("\n");
        left = lines.pop();
        for (const line of lines) {
          if (!line.startsWith("data: {")) continue;
          const event = JSON.parse(line.slice(6));
          if (event.error) throw new Error(event.error.message);
          for (const choice of event.choices || []) out.append(choice.delta.content || "");
          if (event.receipt) receipt = event.receipt.id;
        }
      }
    }

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const stop = new AbortController();
      const fields = new URLSearchParams(new FormData(form));
      halt.onclick = () => stop.abort();
      ask.disabled = true;
      halt.hidden = out.hidden = false;
      failed.hidden = true;
      out.textContent = "";
      try {
        const answer = await fetch(form.action, {
          method: "POST", body: fields, signal: stop.signal, headers: { Accept: "text/event-stream" },
        });
        if (!answer.ok) throw new Error(await answer.text());
        const receipt = await read(answer);
        if (!receipt) throw new Error(failed.dataset.cut);
        history.pushState(null, "", `${form.action}?answer=${encodeURIComponent(receipt)}`);
        form.querySelector("#text").value = "";
        await refresh();
        out.hidden = true;
      } catch (error) {
        if (error.name !== "AbortError") { failed.textContent = error.message; failed.hidden = false; }
      } finally {
        ask.disabled = false;
        halt.hidden = true;
      }
    });
  }

  document.querySelectorAll("form[data-stream]").forEach(stream);
  addEventListener("popstate", () => location.reload());

  if (page.dataset.version) {
    watch();
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }
})();
