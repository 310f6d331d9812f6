"""Give Chromium a camera that shows a code, and BarcodeDetector a real reader of codes.

Debian's Chromium has no BarcodeDetector: the page gets a stand-in of that interface which asks
zxing-cpp for what is in the picture of the video. The device, the permission, the stream and the
frames are the browser's own.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext

WIDTH, HEIGHT = 640, 480

_DETECTOR = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["code_128", "qr_code"]; }
  constructor(options) { this.formats = options.formats; }
  async detect(video) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    return window.readCodes(canvas.toDataURL("image/png"), this.formats);
  }
};
"""
_FORMATS = {
    "code_128": zxingcpp.BarcodeFormat.Code128,
    "qr_code": zxingcpp.BarcodeFormat.QRCode,
}


def code_128(data_uri: str) -> Image.Image:
    """Draw the picture of a `barcode_128` as the API returns it."""
    data = base64.b64decode(data_uri.removeprefix("data:image/png;base64,"))
    return Image.open(io.BytesIO(data)).convert("L")


def qr_code(text: str) -> Image.Image:
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    return Image.fromarray(drawn.to_image(scale=6)).convert("L")


def show(picture: Image.Image | None, file: Path) -> list[str]:
    """Write the file that the camera shows, and return the browser's arguments for it."""
    frame = Image.new("L", (WIDTH, HEIGHT), 255)
    if picture is not None:
        picture.thumbnail((WIDTH, HEIGHT))
        at = ((WIDTH - picture.width) // 2, (HEIGHT - picture.height) // 2)
        frame.paste(picture, at)
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    file.write_bytes(head + (b"FRAME\n" + frame.tobytes() + grey) * 2)
    return ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={file}"]


def give_detector(context: BrowserContext) -> None:
    def read(data_uri: str, formats: list[str]) -> list[dict[str, Any]]:
        wanted = [_FORMATS[name] for name in formats]
        found = zxingcpp.read_barcodes(code_128(data_uri), formats=zxingcpp.BarcodeFormats(wanted))
        return [{"rawValue": code.text} for code in found]

    context.expose_function("readCodes", read)
    context.add_init_script(_DETECTOR)
