// Starts the pages.
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { startI18n } from './i18n';
import { paintEarly } from './theme/scheme';
import './theme/fonts.css';
import './theme/base.css';
import './theme/frame.css';
import './theme/tags.css';
import './theme/rows.css';
import './theme/cards.css';
import './theme/popups.css';
import './theme/code.css';

paintEarly();
const root = document.getElementById('root');
if (root) {
  void startI18n().then(() =>
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    ),
  );
}
