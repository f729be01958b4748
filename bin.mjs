#!/usr/bin/env node
// The commands of an installed package, which is built already: `mina-delegation-load load --vus 500`.
import './dist/cli.js';
