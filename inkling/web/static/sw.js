// @ts-nocheck  a service worker has other globals than a page
// The service worker: keeps the pages and the network in the browser, so that a digit is drawn and read without a
// server. The server is asked first; what it does not answer comes from here. A new version takes all files anew.

const [VERSION, FILES] = [/* version, files */]; // the server fills them in
const KEPT = "model"; // the network of the last visit
const MODEL = "api/models/js/";
const SILENT_MS = 5000; // a server that does not begin to answer by then is gone

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })))).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name !== VERSION && name !== KEPT).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  const path = address.href.slice(self.registration.scope.length).split(/[?#]/)[0];
  if (event.request.method !== "GET" || !address.href.startsWith(self.registration.scope)) return;
  if (path.startsWith(MODEL)) event.respondWith(newest(event.request, KEPT));
  else if (FILES.includes(path || "./")) event.respondWith(newest(event.request, VERSION));
});

/** What the server answers, or else what was kept of it. The network is kept as it comes; files only whole, by `install`. */
async function newest(request, name) {
  const cache = await caches.open(name);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), SILENT_MS);
  try {
    const response = await fetch(request, { signal: abort.signal });
    clearTimeout(timer);
    if (name === KEPT && response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
