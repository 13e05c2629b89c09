#pragma once

#include <agon/core/parallel.hpp>
#include <agon/core/rng.hpp>
#include <agon/data/dataset.hpp>
#include <agon/data/digit_strokes.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace agon {

namespace detail {

/// A piece of a pen path: a capsule whose radius goes from that of the first point to that of the last.
struct InkSegment {
  double x0, y0, r0, x1, y1, r1;
};

/// The path through the points as short segments: a cubic Hermite spline with Catmull-Rom tangents, none at corners.
inline void flatten(const Stroke& stroke, double first_radius, double last_radius, std::vector<InkSegment>& ink) {
  constexpr int pieces = 8;
  const auto last = static_cast<int>(stroke.size()) - 1;
  const auto point = [&](int i) { return stroke[static_cast<std::size_t>(std::clamp(i, 0, last))]; };
  const auto tangent = [&](int i) -> PenPoint {
    if (point(i).corner) return {0, 0};
    return {(point(i + 1).x - point(i - 1).x) / 2, (point(i + 1).y - point(i - 1).y) / 2};
  };
  const auto radius = [&](double at) { return first_radius + (last_radius - first_radius) * at / last; };

  double x = point(0).x, y = point(0).y, r = first_radius;
  for (int i = 0; i < last; ++i) {
    const auto p = point(i), q = point(i + 1), m = tangent(i), n = tangent(i + 1);
    for (int k = 1; k <= pieces; ++k) {
      const double t = static_cast<double>(k) / pieces;
      const double a = (1 + 2 * t) * (1 - t) * (1 - t), b = t * (1 - t) * (1 - t), c = t * t * (3 - 2 * t),
                   d = t * t * (t - 1);
      const double x1 = a * p.x + b * m.x + c * q.x + d * n.x, y1 = a * p.y + b * m.y + c * q.y + d * n.y;
      const double r1 = radius(i + t);
      ink.push_back({x, y, r, x1, y1, r1});
      x = x1, y = y1, r = r1;
    }
  }
}

/// Draws one digit into 28 x 28 zeroed pixels. Takes fewer than 256 blocks of `rng`.
inline void draw_digit(int digit, Rng& rng, std::uint8_t* pixels) {
  constexpr int side = 28;
  const auto between = [&](double low, double high) { return low + (high - low) * rng.uniform(); };
  // The sum of two uniforms: mostly near the middle, never beyond the ends.
  const auto around = [&](double middle, double reach) { return middle + reach * (rng.uniform() + rng.uniform() - 1); };

  const auto& glyphs = digit_glyphs()[static_cast<std::size_t>(digit)];
  Glyph glyph = glyphs[static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(glyphs.size())))];

  const double width = around(0.75, 0.3), slant = around(0.15, 0.5), tilt = around(0, 0.18);
  const double pen = std::min(between(0.95, 1.9), between(0.95, 2.2)), jitter = between(0.015, 0.06);
  double left = 1e9, right = -1e9, top = 1e9, bottom = -1e9;
  for (auto& stroke : glyph) {
    for (auto& point : stroke) {
      const double x = width * around(point.x, jitter), y = around(point.y, jitter);
      point.x = x - slant * (y - 0.5);
      point.y = y + tilt * x;
      left = std::min(left, point.x), right = std::max(right, point.x);
      top = std::min(top, point.y), bottom = std::max(bottom, point.y);
    }
  }

  // As in MNIST: the ink fills a box of about 20 x 20, and its centre of mass is in the middle of the image.
  const double scale = (around(19.5, 1.8) - 2 * pen) / std::max(bottom - top, right - left);
  std::vector<InkSegment> ink;
  for (auto& stroke : glyph) {
    for (auto& point : stroke) point.x *= scale, point.y *= scale;
    flatten(stroke, pen * between(0.85, 1.15), pen * between(0.75, 1.1), ink);
  }
  double mass = 1e-9, mean_x = 0, mean_y = 0;
  left = top = 1e9, right = bottom = -1e9;
  for (const auto& s : ink) {
    const double length = std::sqrt((s.x1 - s.x0) * (s.x1 - s.x0) + (s.y1 - s.y0) * (s.y1 - s.y0));
    mass += length;
    mean_x += length * (s.x0 + s.x1) / 2;
    mean_y += length * (s.y0 + s.y1) / 2;
    left = std::min({left, s.x0 - s.r0, s.x1 - s.r1}), right = std::max({right, s.x0 + s.r0, s.x1 + s.r1});
    top = std::min({top, s.y0 - s.r0, s.y1 - s.r1}), bottom = std::max({bottom, s.y0 + s.r0, s.y1 + s.r1});
  }
  // Long strokes are kept off the edge where the centre of mass would put them on it.
  const auto shift = [&](double mean, double low, double high) {
    return std::min(std::max(side / 2.0 + around(0, 1) - mean / mass, 1.5 - low), side - 1.5 - high);
  };
  const double shift_x = shift(mean_x, left, right), shift_y = shift(mean_y, top, bottom);

  const auto clamp_pixel = [](double at) { return static_cast<int>(std::clamp(at, 0.0, side - 1.0)); };
  for (auto s : ink) {
    s.x0 += shift_x, s.x1 += shift_x, s.y0 += shift_y, s.y1 += shift_y;
    const double dx = s.x1 - s.x0, dy = s.y1 - s.y0, length2 = std::max(dx * dx + dy * dy, 1e-12);
    const double reach = std::max(s.r0, s.r1) + 1;
    for (int y = clamp_pixel(std::min(s.y0, s.y1) - reach); y <= clamp_pixel(std::max(s.y0, s.y1) + reach); ++y) {
      for (int x = clamp_pixel(std::min(s.x0, s.x1) - reach); x <= clamp_pixel(std::max(s.x0, s.x1) + reach); ++x) {
        const double px = x + 0.5 - s.x0, py = y + 0.5 - s.y0,
                     along = std::clamp((px * dx + py * dy) / length2, 0.0, 1.0);
        const double ex = px - along * dx, ey = py - along * dy;
        const double inside = s.r0 + (s.r1 - s.r0) * along + 0.5 - std::sqrt(ex * ex + ey * ey);
        const auto value = static_cast<std::uint8_t>(std::clamp(256 * inside, 0.0, 255.0));
        auto& pixel = pixels[y * side + x];
        pixel = std::max(pixel, value);
      }
    }
  }
}

}  // namespace detail

/// A data set that needs no file: digits drawn with a pen in the manner of MNIST, white on black, [count, 28, 28, 1].
///
/// Image i shows digit i mod 10, written in one of several ways with random slant, proportions, size, position, stroke
/// width and unsteadiness. It depends on seed and i alone; another seed gives images to test with.
/// Throws ShapeError when count is negative.
inline ImageDataset drawn_digits(std::int64_t count, std::uint64_t seed = 0) {
  constexpr std::int64_t pixels = std::int64_t{28} * 28, grain = 64;
  auto images = Tensor<std::uint8_t>::uninitialized({count, 28, 28, 1});
  auto labels = Tensor<std::int32_t>::uninitialized({count});
  auto* const image = images.mutable_data().data();
  auto* const label = labels.mutable_data().data();
  std::fill_n(image, count * pixels, std::uint8_t{0});
  parallel_for(count, grain, [&](std::int64_t first, std::int64_t last) {
    for (auto i = first; i < last; ++i) {
      Rng rng(seed, "data/drawn_digits");
      rng.seek(static_cast<std::uint64_t>(i) * 256);
      label[i] = static_cast<std::int32_t>(i % 10);
      detail::draw_digit(label[i], rng, image + i * pixels);
    }
  });
  return {std::move(images), std::move(labels), 10, "drawn digits"};
}

}  // namespace agon
