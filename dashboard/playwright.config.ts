// Browser tests against a server that runs: see e2e/run.mjs, which starts one.
import { defineConfig } from '@playwright/test';
import type { Options } from './e2e/support/test';

export default defineConfig<Options>({
  testDir: 'e2e',
  outputDir: 'test-results',
  timeout: 45_000,
  expect: { timeout: 8_000 },
  workers: Number(process.env.E2E_WORKERS ?? 2),
  forbidOnly: true,
  reporter: [['list']],
  use: {
    baseURL: process.env.BOCAU_URL ?? 'http://127.0.0.1:8080',
    viewport: { width: 1280, height: 800 },
    // A device elsewhere: times must be those of Vietnam all the same.
    timezoneId: 'America/New_York',
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox'],
    },
  },
  projects: [
    { name: 'vi', use: { language: 'vi' } },
    { name: 'en', use: { language: 'en' } },
  ],
});
