"use strict";
// Shows one slide: what to show stands in data attributes of the element "slide".
(() => {
  const frame = document.getElementById("slide");
  const status = document.getElementById("status");
  const bar = document.getElementById("scale");
  const micrometres = Number(frame.dataset.pixelSize) || 0;
  const power = Number(frame.dataset.objectivePower) || 0;
  const viewer = OpenSeadragon({
    element: frame,
    tileSources: frame.dataset.source,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "TOP_RIGHT",
    visibilityRatio: 0.5,
    maxZoomPixelRatio: 4,
    timeout: 60000,
  });

  // The longest of 1, 2, 5, 10, ... micrometres that takes at most 160 pixels.
  function scaleBar() {
    const image = viewer.world.getItemAt(0);
    if (!image) return;
    const zoom = image.viewportToImageZoom(viewer.viewport.getZoom(true));
    const shown = power && zoom ? `${(power * zoom).toPrecision(2) * 1}x` : "";
    document.getElementById("power").textContent = shown;
    if (!micrometres) return;
    const most = (160 / zoom) * micrometres;
    const step = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((n) => n * step).find((n) => n <= most);
    bar.style.width = `${(length / micrometres) * zoom}px`;
    bar.textContent = length >= 1000 ? `${length / 1000} mm` : `${length} \u00b5m`;
    bar.hidden = false;
  }

  viewer.addHandler("open", () => {
    status.textContent = "";
    frame.dataset.state = "open";
    scaleBar();
  });
  viewer.addHandler("open-failed", () => {
    status.textContent = "The slide cannot be shown.";
    frame.dataset.state = "failed";
  });
  viewer.addHandler("tile-load-failed", () => {
    frame.dataset.failed = Number(frame.dataset.failed || 0) + 1;
    status.textContent = "Parts of the slide cannot be shown at present.";
  });
  viewer.addHandler("tile-loaded", () => {
    frame.dataset.tiles = Number(frame.dataset.tiles || 0) + 1;
  });
  viewer.addHandler("animation", scaleBar);
  viewer.addHandler("resize", scaleBar);

  const act = {
    in: () => viewer.viewport.zoomBy(2),
    out: () => viewer.viewport.zoomBy(0.5),
    whole: () => viewer.viewport.goHome(),
    full: () => viewer.setFullScreen(!viewer.isFullPage()),
  };
  for (const [name, work] of Object.entries(act)) {
    document.getElementById(name).addEventListener("click", () => {
      work();
      viewer.viewport.applyConstraints();
    });
  }
})();
