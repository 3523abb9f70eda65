// The page's part of working offline.
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {}); // as where the browser keeps nothing
