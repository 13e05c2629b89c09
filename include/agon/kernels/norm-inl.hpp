namespace agon::kernels {
inline namespace AGON_BUILD {
namespace AGON_ISA {

/// mean[c] over the rows, and the sum of squared differences from it.
template <class T>
void column_moments(std::int64_t rows, std::int64_t cols, const T* x, T* mean, T* squares) {
  for_columns<T>(cols, [&](auto columns) {
    using V = Vec<T>;
    constexpr int W = columns.width;
    V m[W], s[W];
    for (int k = 0; k < W; ++k) m[k] = s[k] = V::zero();
    for (std::int64_t r = 0; r < rows; ++r)
      for (int k = 0; k < W; ++k) m[k] = m[k] + columns.load(x + r * cols, k);
    for (int k = 0; k < W; ++k) m[k] = m[k] / V::set1(static_cast<T>(rows));
    for (std::int64_t r = 0; r < rows; ++r)
      for (int k = 0; k < W; ++k) {
        const V d = columns.load(x + r * cols, k) - m[k];
        s[k] = fmadd(d, d, s[k]);
      }
    for (int k = 0; k < W; ++k) {
      columns.store(m[k], mean, k);
      columns.store(s[k], squares, k);
    }
  });
}

/// y = activation(gamma (x - mean) rstd + beta) with statistics per column.
template <class T>
void batch_norm_rows(const Activation& activation, std::int64_t rows, std::int64_t cols, const T* x, const T* gamma,
                     const T* beta, const T* mean, const T* rstd, T* y) {
  with_activation(activation, [&](auto kind) {
    for_columns<T>(cols, [&](auto columns) {
      using V = Vec<T>;
      constexpr int W = columns.width;
      const V slope = V::set1(static_cast<T>(activation.slope));
      V m[W], factor[W], shift[W];
      for (int k = 0; k < W; ++k) {
        m[k] = columns.load(mean, k);
        factor[k] = columns.load(gamma, k) * columns.load(rstd, k);
        shift[k] = columns.load(beta, k);
      }
      for (std::int64_t r = 0; r < rows; ++r)
        for (int k = 0; k < W; ++k) {
          const V z = fmadd(columns.load(x + r * cols, k) - m[k], factor[k], shift[k]);
          columns.store(activate<kind.value>(z, slope), y + r * cols, k);
        }
    });
  });
}

/// Sums over the rows of h = g act'(.) into dbeta and of h (x - mean) rstd into dgamma.
template <class T>
void batch_norm_sums(const Activation& activation, std::int64_t rows, std::int64_t cols, const T* x, const T* mean,
                     const T* rstd, const T* y, const T* g, T* dgamma, T* dbeta) {
  with_activation(activation, [&](auto kind) {
    for_columns<T>(cols, [&](auto columns) {
      using V = Vec<T>;
      constexpr int W = columns.width;
      const V slope = V::set1(static_cast<T>(activation.slope));
      V m[W], sum_h[W], sum_hx[W];
      for (int k = 0; k < W; ++k) {
        m[k] = columns.load(mean, k);
        sum_h[k] = sum_hx[k] = V::zero();
      }
      for (std::int64_t r = 0; r < rows; ++r)
        for (int k = 0; k < W; ++k) {
          const V h = activate_grad<kind.value>(columns.load(y + r * cols, k), columns.load(g + r * cols, k), slope);
          sum_h[k] = sum_h[k] + h;
          sum_hx[k] = fmadd(h, columns.load(x + r * cols, k) - m[k], sum_hx[k]);
        }
      for (int k = 0; k < W; ++k) {
        columns.store(sum_h[k], dbeta, k);
        columns.store(sum_hx[k] * columns.load(rstd, k), dgamma, k);
      }
    });
  });
}

/// dx = rstd (gamma h - mean_h - (x - mean) rstd mean_hx), given the column means of gamma h and gamma h (x - mean)
/// rstd.
template <class T>
void batch_norm_grad_rows(const Activation& activation, std::int64_t rows, std::int64_t cols, const T* x,
                          const T* gamma, const T* mean, const T* rstd, const T* y, const T* g, const T* mean_h,
                          const T* mean_hx, T* dx) {
  with_activation(activation, [&](auto kind) {
    for_columns<T>(cols, [&](auto columns) {
      using V = Vec<T>;
      constexpr int W = columns.width;
      const V slope = V::set1(static_cast<T>(activation.slope));
      V m[W], of_h[W], of_x[W], constant[W];
      for (int k = 0; k < W; ++k) {
        const V scale = columns.load(rstd, k);
        m[k] = columns.load(mean, k);
        of_h[k] = scale * columns.load(gamma, k);
        of_x[k] = -(scale * scale * columns.load(mean_hx, k));
        constant[k] = -(scale * columns.load(mean_h, k));
      }
      for (std::int64_t r = 0; r < rows; ++r)
        for (int k = 0; k < W; ++k) {
          const V h = activate_grad<kind.value>(columns.load(y + r * cols, k), columns.load(g + r * cols, k), slope);
          const V rest = fmadd(columns.load(x + r * cols, k) - m[k], of_x[k], constant[k]);
          columns.store(fmadd(h, of_h[k], rest), dx + r * cols, k);
        }
    });
  });
}

template <class T>
void layer_norm_rows(const Activation& activation, std::int64_t rows, std::int64_t cols, T eps, const T* x,
                     const T* gamma, const T* beta, T* y, T* mean, T* rstd) {
  with_activation(activation, [&](auto kind) {
    using V = Vec<T>;
    const V slope = V::set1(static_cast<T>(activation.slope)), n = V::set1(static_cast<T>(cols));
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* row = x + r * cols;
      const V m = V::set1(sum_of<T>(cols, [&](auto at) { return at.load(row); })) / n;
      const V variance = V::set1(sum_of<T>(cols, [&](auto at) { return (at.load(row) - m) * (at.load(row) - m); })) / n;
      const V scale = V::set1(T(1)) / sqrt(variance + V::set1(eps));
      m.store_first(mean + r, 1);
      scale.store_first(rstd + r, 1);
      for_registers<T>(cols, [&](auto at) {
        const V xhat = (at.load(row) - m) * scale;
        at.store(activate<kind.value>(fmadd(xhat, at.load(gamma), at.load(beta)), slope), y + r * cols);
      });
    }
  });
}

/// dx of the rows; dgamma and dbeta are added to.
template <class T>
void layer_norm_grad_rows(const Activation& activation, std::int64_t rows, std::int64_t cols, const T* x,
                          const T* gamma, const T* mean, const T* rstd, const T* y, const T* g, T* dx, T* dgamma,
                          T* dbeta) {
  with_activation(activation, [&](auto kind) {
    using V = Vec<T>;
    const V slope = V::set1(static_cast<T>(activation.slope)), n = V::set1(static_cast<T>(cols));
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto first = r * cols;
      const V m = V::set1(mean[r]), scale = V::set1(rstd[r]);
      V sum_h = V::zero(), sum_hx = V::zero();
      for_registers<T>(cols, [&](auto at) {
        // Lanes past the end have g = 0, hence h = 0.
        const V h = activate_grad<kind.value>(at.load(y + first), at.load(g + first), slope);
        const V hx = h * ((at.load(x + first) - m) * scale), weight = at.load(gamma);
        sum_h = fmadd(h, weight, sum_h);
        sum_hx = fmadd(hx, weight, sum_hx);
        at.store(at.load(dgamma) + hx, dgamma);
        at.store(at.load(dbeta) + h, dbeta);
      });
      const V mean_h = V::set1(sum(sum_h)) / n, mean_hx = V::set1(sum(sum_hx)) / n;
      for_registers<T>(cols, [&](auto at) {
        const V h = activate_grad<kind.value>(at.load(y + first), at.load(g + first), slope);
        const V xhat = (at.load(x + first) - m) * scale;
        at.store(scale * (h * at.load(gamma) - mean_h - xhat * mean_hx), dx + first);
      });
    }
  });
}

}  // namespace AGON_ISA
}  // namespace AGON_BUILD
}  // namespace agon::kernels
