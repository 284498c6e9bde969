// The browsers that the tests know, by name.

import { launchChromium } from "./chromium.mjs";
import { launchFirefox } from "./firefox.mjs";

/** Each takes the options of launchChromium and gives what playwright gives, or as much of it as the tests use. */
export const BROWSERS = { chromium: launchChromium, firefox: launchFirefox };
