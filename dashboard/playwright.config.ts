// Browser tests against a server that runs: see e2e/run.mjs, which starts one.
import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';
import type { Options } from './e2e/support/test';

// Where neither is there, Playwright takes the one that it has installed itself.
const debian = '/usr/bin/chromium';
const chromium = process.env.CHROMIUM ?? (existsSync(debian) ? debian : undefined);

export default defineConfig<Options>({
  testDir: 'e2e',
  outputDir: 'test-results',
  // Bounds for a busy machine; each wait ends as soon as what it waits for is there.
  timeout: 90_000,
  expect: { timeout: 15_000 },
  workers: Number(process.env.E2E_WORKERS ?? 2),
  // Tests share nothing but the server, so that a long file does not end alone.
  fullyParallel: true,
  retries: 0,
  forbidOnly: true,
  reporter: [['list']],
  use: {
    baseURL: process.env.BOCAU_URL ?? 'http://127.0.0.1:8080',
    viewport: { width: 1280, height: 800 },
    // A device elsewhere: times must be those of Vietnam all the same.
    timezoneId: 'America/New_York',
    // A click on what still moves may miss it.
    contextOptions: { reducedMotion: 'reduce' },
    screenshot: 'only-on-failure',
    // A trace shows why a test failed, and costs a third of the time: E2E_TRACE=1 asks for it.
    trace: process.env.E2E_TRACE ? 'retain-on-failure' : 'off',
    launchOptions: {
      executablePath: chromium,
      args: ['--no-sandbox'],
    },
  },
  projects: [
    { name: 'vi', use: { language: 'vi' } },
    { name: 'en', use: { language: 'en' } },
  ],
});
