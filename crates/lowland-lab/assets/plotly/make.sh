#!/usr/bin/env bash
# Makes plotly.min.js, as it is here, from the packages on npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-save plotly.js@3.7.0 esbuild@0.28.2
cat >entry.js <<'END'
const Plotly = require('plotly.js/lib/core');
Plotly.register([require('plotly.js/lib/bar'), require('plotly.js/lib/contour'), require('plotly.js/lib/surface')]);
module.exports = Plotly;
END
npx esbuild entry.js --bundle --minify --format=iife --global-name=Plotly --target=es2020 \
  --define:global=window --loader:.css=empty --log-level=warning --outfile="$here/plotly.min.js"
cp node_modules/plotly.js/LICENSE "$here/LICENSE"
