import { afterEach } from 'vitest';
import {
  type InspectionTarget,
  type Inspector,
  type ServeInspectorOptions,
  serveInspector,
} from '../../src/inspect/serve-inspector.ts';
import { Tab } from './feed-support.ts';

const inspectors: Inspector[] = [];
const tabs: Tab[] = [];

/** An inspector that is closed after the test, unless the test did. */
export async function served(
  targets: InspectionTarget | readonly InspectionTarget[],
  options?: ServeInspectorOptions,
): Promise<Inspector> {
  const inspector = await serveInspector(targets, options);
  inspectors.push(inspector);
  return inspector;
}

/** A tab that has been told everything. */
export async function tabOf({ url }: Inspector): Promise<Tab> {
  const tab = await Tab.open(url);
  tabs.push(tab);
  await tab.until(({ feeds }) => feeds.length > 0);
  return tab;
}

afterEach(async () => {
  for (const tab of tabs.splice(0)) tab.close();
  for (const inspector of inspectors.splice(0)) await inspector.close();
});
