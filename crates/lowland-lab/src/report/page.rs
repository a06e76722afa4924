//! The page: what it is made of, and how that becomes HTML.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

use super::overview::Overview;
use crate::picture::{Contour, Mark, Plot};
use crate::{Error, Result};

const TEMPLATE: &str = include_str!("../../assets/report/page.html");
const STYLE: &str = include_str!("../../assets/report/page.css");
const SCRIPT: &str = include_str!("../../assets/report/page.js");
const PLOTLY: &str = include_str!("../../assets/plotly/plotly.min.js");

/// The whole page.
pub(super) struct Page {
    overview: Overview,
    sections: Vec<Section>,
}

/// A part of the page with a heading.
#[derive(Serialize)]
pub(super) struct Section {
    /// The target of links to it.
    pub id: &'static str,
    pub title: &'static str,
    pub blocks: Vec<Block>,
}

/// What a section is made of.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Block {
    /// A heading below that of the section.
    Heading { text: String },
    /// A paragraph.
    Text { text: String },
    /// Figures side by side with one legend.
    Figures { legend: Vec<Entry>, figures: Vec<Figure> },
    /// A table.
    Table(Table),
    /// Lines as they are in a file.
    Code { text: String },
    /// What is shown when it is asked for.
    Folded { title: String, table: Option<Table>, code: Option<String> },
}

/// A picture with its caption.
#[derive(Serialize)]
pub(super) struct Figure {
    pub name: String,
    pub caption: String,
    #[serde(flatten)]
    pub drawing: Drawing,
    /// Whether three fit side by side, or two.
    pub small: bool,
}

/// What is drawn. The page has its name here, and its numbers elsewhere.
#[derive(Serialize)]
#[serde(tag = "shape", rename_all = "snake_case")]
pub(super) enum Drawing {
    Plot(#[serde(skip)] Plot),
    Map(#[serde(skip)] Contour),
    /// A map as a surface in space.
    Surface(#[serde(skip)] Contour),
}

/// An entry of a legend.
#[derive(PartialEq, Serialize)]
pub(super) struct Entry {
    pub label: String,
    /// The index of the colour; none for grey.
    pub colour: Option<usize>,
    pub mark: Mark,
}

/// A table that scrolls inside its box where it is too wide.
#[derive(Default, Serialize)]
pub(super) struct Table {
    /// How many columns are arms, where these are equally wide; else 0.
    pub arms: usize,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Content>>,
}

/// The head of a column.
#[derive(Serialize)]
pub(super) struct Column {
    pub title: String,
    /// The index of the colour of its arm.
    pub colour: Option<usize>,
    /// Whether numbers are below it.
    pub numbers: bool,
}

/// What stands in a cell of a table.
#[derive(Default, Serialize)]
pub(super) struct Content {
    pub text: String,
    /// What stands below it, smaller; a line each.
    pub more: Vec<String>,
    /// A word that stands out.
    pub badge: Option<Badge>,
}

/// A word, and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Badge {
    Better,
    Worse,
    /// A difference was not shown.
    Open,
    /// There are too few runs to say anything.
    Silent,
    Baseline,
    Chosen,
    Failed,
}

impl Badge {
    /// The word for a difference that was shown.
    pub fn of(better: bool) -> Badge {
        if better { Badge::Better } else { Badge::Worse }
    }
}

impl Page {
    pub fn new(overview: Overview, sections: Vec<Section>) -> Page {
        Page { overview, sections }
    }

    fn drawings(&self) -> impl Iterator<Item = &Drawing> {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        let figures = blocks.filter_map(|block| match block {
            Block::Figures { figures, .. } => Some(figures),
            _ => None,
        });
        figures.flatten().map(|figure| &figure.drawing)
    }

    /// All plots.
    pub fn plots(&self) -> impl Iterator<Item = &Plot> {
        self.drawings().filter_map(|drawing| match drawing {
            Drawing::Plot(plot) => Some(plot),
            _ => None,
        })
    }

    /// All maps.
    pub fn maps(&self) -> impl Iterator<Item = &Contour> {
        self.drawings().filter_map(|drawing| match drawing {
            Drawing::Map(map) => Some(map),
            _ => None,
        })
    }

    /// The HTML file.
    pub fn html(&self) -> Result<String> {
        let data = serde_json::json!({
            "plots": self.plots().collect::<Vec<_>>(),
            "maps": self.maps().collect::<Vec<_>>(),
        });
        // Inside a script, only what looks like a tag could end it.
        let data = data.to_string().replace('<', "\\u003c");
        // What is shown until the script draws, and where it cannot.
        let still = self.plots().map(|plot| Ok((plot.name.as_str(), plot.svg()?)));
        let still: BTreeMap<&str, String> = still.collect::<Result<_>>()?;
        let mut environment = Environment::new();
        // The ending of the name turns the escaping of HTML on.
        environment.add_template("page.html", TEMPLATE).map_err(unmade)?;
        let page = environment.get_template("page.html").map_err(unmade)?;
        page.render(context! {
            overview => Serde(&self.overview),
            sections => Serde(&self.sections),
            data, still, style => STYLE, script => SCRIPT, plotly => PLOTLY,
            version => env!("CARGO_PKG_VERSION"),
        })
        .map_err(unmade)
    }
}

impl Figure {
    pub fn plot(plot: Plot, caption: impl Into<String>) -> Figure {
        let name = plot.name.clone();
        Figure { name, caption: caption.into(), drawing: Drawing::Plot(plot), small: false }
    }

    pub fn small(self) -> Figure {
        Figure { small: true, ..self }
    }
}

impl Block {
    /// Figures with a legend of all their series.
    pub fn figures(figures: Vec<Figure>) -> Block {
        let mut legend: Vec<Entry> = Vec::new();
        let plots = figures.iter().filter_map(|figure| match &figure.drawing {
            Drawing::Plot(plot) => Some(plot),
            _ => None,
        });
        for (label, colour, mark) in plots.flat_map(Plot::legend) {
            if legend.iter().all(|entry| entry.label != label) {
                legend.push(Entry { label: label.into(), colour, mark });
            }
        }
        Block::Figures { legend, figures }
    }
}

impl Column {
    pub fn text(title: impl Into<String>) -> Column {
        Column { title: title.into(), colour: None, numbers: false }
    }

    pub fn numbers(title: impl Into<String>) -> Column {
        Column { title: title.into(), colour: None, numbers: true }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Content {
        Content { text, ..Content::default() }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Content {
        text.to_string().into()
    }
}

fn unmade(error: minijinja::Error) -> Error {
    Error::Picture(format!("the page cannot be made: {error:#}"))
}
