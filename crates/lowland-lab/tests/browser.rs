//! Reports in a browser: that they are drawn, readable at any width, and ask the network for nothing.

#[path = "common/whole.rs"]
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lowland_lab::report;
use serde_json::Value;

/// The script that looks at a page, which has to be there before the page's own.
const CHECK: &str = include_str!("browser/check.js");

/// The browser: the one that `CHROMIUM` names, or one that is in the path.
fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |at| at.join(name)))
        .find(|at| at.is_file())
}

/// The browser, or a word that the test is skipped.
fn browser_or_skip() -> Option<PathBuf> {
    let found = browser();
    if found.is_none() {
        let required = std::env::var_os("LOWLAND_REQUIRE_CHROMIUM").is_some_and(|v| v == "1");
        assert!(!required, "LOWLAND_REQUIRE_CHROMIUM=1, and there is no Chromium");
        println!("skipped: there is no Chromium; set CHROMIUM to one");
    }
    found
}

/// What is around a page: a window has a least width, a frame in it has none.
fn frame(page: &str, width: u32) -> String {
    format!(
        "<!doctype html><body><iframe src=\"{page}\" style=\"width: {width}px; height: 1000px; border: 0\">\
         </iframe><pre></pre><script>addEventListener('message', (event) => {{\
         document.querySelector('pre').textContent = 'FOUND' + event.data + 'END'; }});</script></body>"
    )
}

/// What the script finds in a page of so many pixels, with further arguments of the browser.
fn look(browser: &Path, folder: &Path, page: &str, width: u32, arguments: &[&str]) -> Value {
    let name = format!("look-{width}.html");
    assert_eq!(page.matches("<head>").count(), 1);
    let page = page.replace("<head>", &format!("<head><script>{CHECK}</script>"));
    fs::write(folder.join(&name), page).unwrap();
    let around = folder.join(format!("around-{width}.html"));
    fs::write(&around, frame(&name, width)).unwrap();
    let output = Command::new(browser)
        .args(["--headless=new", "--no-sandbox", "--hide-scrollbars", "--no-first-run"])
        .args(["--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        .args(["--disable-background-networking", "--virtual-time-budget=30000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join(format!("profile-{width}")).display()))
        .arg("--window-size=1500,1100")
        .args(arguments)
        .arg(format!("file://{}", around.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let found = dom.split_once("<pre>FOUND").and_then(|(_, rest)| rest.split_once("END</pre>"));
    let Some((json, _)) = found else {
        panic!("the page was not looked at: {dom} {}", String::from_utf8_lossy(&output.stderr));
    };
    // Texts in JSON were escaped for HTML.
    let json = json.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&json).unwrap()
}

/// A page of everything, in its directory.
fn page() -> (tempfile::TempDir, String) {
    let (temporary, folder) = whole::copy("browser");
    let page = fs::read_to_string(report::write(&folder).unwrap()).unwrap();
    (temporary, page)
}

#[test]
fn a_page_is_drawn_and_readable_on_phones_and_screens() {
    let Some(browser) = browser_or_skip() else { return };
    let (folder, page) = page();
    for width in [400, 1400] {
        let found = look(&browser, folder.path(), &page, width, &[]);
        assert_eq!(found["width"], width);
        for fault in ["errors", "requests", "small", "overlaps", "outside"] {
            assert_eq!(found[fault], Value::Array(Vec::new()), "{fault} at {width} pixels");
        }
        assert_eq!(found["overflow"], 0, "at {width} pixels");
        assert!(found["texts"].as_u64() > Some(300), "{}", found["texts"]);
        let figures = found["figures"].as_array().unwrap();
        let of = |shape: &str| figures.iter().filter(|figure| figure["shape"] == shape).count();
        assert_eq!((of("surface"), of("map")), (2, 2));
        assert!(of("plot") > 15, "{}", of("plot"));
        for figure in figures {
            let least = match figure["shape"].as_str() {
                Some("surface") => 500,
                Some("map") => 5,
                _ => 1,
            };
            assert!(figure["marks"].as_u64() >= Some(least), "at {width} pixels: {figure}");
        }
    }
}

#[test]
fn without_webgl_surfaces_are_maps_and_the_page_says_so() {
    let Some(browser) = browser_or_skip() else { return };
    let (folder, page) = page();
    let found = look(&browser, folder.path(), &page, 800, &["--disable-3d-apis"]);
    assert_eq!(found["errors"], Value::Array(Vec::new()));
    let figures = found["figures"].as_array().unwrap();
    let (surfaces, others): (Vec<_>, Vec<_>) =
        figures.iter().partition(|figure| figure["shape"] == "surface");
    assert_eq!(surfaces.len(), 2);
    for surface in surfaces {
        assert!(surface["note"].as_str().unwrap().contains("no WebGL"), "{surface}");
    }
    assert!(others.iter().all(|figure| figure["marks"].as_u64() > Some(0)), "{others:?}");
}

#[test]
fn what_is_wrong_with_a_page_is_found() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    let faults = r#"<!doctype html><html data-drawn="1"><head>
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
        </head><body style="margin: 0"><img src="https://lowland.invalid/a.png">
        <div style="width: 2000px">wide</div><p style="font-size: 9px">tiny</p>
        <h2>one</h2><h2 style="margin-top: -40px">two</h2>
        <div class="drawing live" data-shape="plot" data-name="empty" style="height: 9px"><b>tall</b></div>
        <script>throw new Error("planted")</script></body></html>"#;
    let found = look(&browser, folder.path(), faults, 600, &[]);
    assert!(found["errors"][0].as_str().unwrap().contains("planted"), "{found}");
    assert_eq!(found["requests"][0], "https://lowland.invalid/a.png");
    assert_eq!(found["overflow"], 1400);
    assert_eq!(found["small"][0], "tiny");
    assert_eq!(found["overlaps"][0], "one / two");
    assert_eq!(found["outside"][0], "empty: tall");
    assert_eq!(found["figures"][0]["marks"], 0);
}
