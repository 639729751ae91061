/** A plane through latent space is a list of two axes, or of one where there is one latent. */

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Coordinates of the latent `z` on the plane. */
export function project(plane, z) {
  return plane.map(({ direction, offset }) => dot(direction, z) - offset);
}

/** The latent nearest to `z` that has the coordinates `point` on the plane. */
export function moveTo(plane, z, point) {
  const [first, second] = plane.map((axis) => axis.direction);
  const [du, dv] = project(plane, z).map((now, i) => point[i] - now);
  const uu = dot(first, first);
  if (!second) return z.map((value, i) => value + (du / uu) * first[i]);
  const uv = dot(first, second);
  const vv = dot(second, second);
  const area = uu * vv - uv * uv;
  const a = (du * vv - dv * uv) / area;
  const b = (dv * uu - du * uv) / area;
  return z.map((value, i) => value + a * first[i] + b * second[i]);
}

/** Half axes and angle of the ellipse at one standard deviation, for a covariance row by row. */
export function ellipseOn(plane, covariance) {
  const size = plane[0].direction.length;
  const times = (direction) =>
    direction.map((_, i) => dot(covariance.slice(i * size, (i + 1) * size), direction));
  const [first, second] = plane.map((axis) => axis.direction);
  const xx = dot(first, times(first));
  const xy = second ? dot(first, times(second)) : 0;
  const yy = second ? dot(second, times(second)) : 0;
  const middle = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  return {
    major: Math.sqrt(middle + spread),
    minor: Math.sqrt(Math.max(0, middle - spread)),
    angle: Math.atan2(2 * xy, xx - yy) / 2,
  };
}

/** The point at `t` of the straight line from `a` (0) to `b` (1). */
export const between = (a, b, t) => a.map((value, i) => value + t * (b[i] - value));
