export { drawMachine } from './draw-machine.ts';
export { CHART_STYLE } from './style.ts';
export { transitionId } from './transition-id.ts';
