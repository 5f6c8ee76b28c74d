import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { askBroker } from './broker.ts';
import './style.css';

const root = document.getElementById('root');
if (root === null) throw new Error('the page has no #root');
const broker = await askBroker();
createRoot(root).render(
  <StrictMode>
    <App broker={broker} />
  </StrictMode>,
);
