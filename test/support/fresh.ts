// The files of this suite are tested one after the other in the same processes, because starting a process and loading
// packages took a third of the time. Each has modules of its own all the same: this comes before the rest of the setup,
// and makes all that is loaded from here on, but for packages, be loaded anew.
import { vi } from 'vitest';

vi.resetModules();
