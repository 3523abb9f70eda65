// @ts-check
// A worker that encodes bitmaps as files. On the page itself, browsers wait seconds for an idle moment.

const MAX_PNG_BYTES = 8_000_000; // a larger one becomes a JPEG; the server takes 10 MB
const JPEG = { type: "image/jpeg", quality: 0.92 };

onmessage = async ({ data: { bitmap, type, port } }) => {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(bitmap, 0, 0);
  bitmap.close();
  port.postMessage(await encode(canvas, type));
};

/** A PNG, which loses nothing. Of a photograph, which is a JPEG already, a JPEG. */
async function encode(canvas, type) {
  if (type === JPEG.type) return canvas.convertToBlob(JPEG);
  const png = await canvas.convertToBlob();
  return png.size <= MAX_PNG_BYTES ? png : canvas.convertToBlob(JPEG);
}
