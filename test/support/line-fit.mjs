// @ts-check

/**
 * @typedef {object} LineFit
 * @property {number} slope
 * @property {number} error the standard error of the slope
 */

/**
 * The line through these points that has the least squares.
 *
 * @param {readonly (readonly [x: number, y: number])[]} points at least three
 * @returns {LineFit}
 */
export function fitLine(points) {
  const mean = (/** @type {0 | 1} */ axis) =>
    points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  let spread = 0;
  let together = 0;
  for (const [x, y] of points) {
    spread += (x - meanX) ** 2;
    together += (x - meanX) * (y - meanY);
  }
  const slope = together / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (points.length - 2) / spread) };
}
