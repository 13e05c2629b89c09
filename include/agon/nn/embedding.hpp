#pragma once

#include <agon/nn/weight.hpp>
#include <agon/ops/index.hpp>

namespace agon {

struct EmbeddingOptions {
  std::int64_t count = 0;     ///< required: number of rows, labels are 0 to count - 1
  std::int64_t features = 0;  ///< required: size of a row
  bool spectral_norm = false;
  Init init = Init::normal002;
};

/// A table of trained vectors: labels [...] -> [..., features].
template <Real T>
class Embedding : public Cloneable<Embedding<T>, Module<T>> {
 public:
  Embedding(const EmbeddingOptions& options, Rng& rng)
      : options_(checked(options)),
        weight_(initialized<T>({options.count, options.features}, options.init, options.count, options.features, rng),
                options.count, options.spectral_norm, rng) {}

  template <Index I>
  Tensor<T> forward(const Tensor<I>& labels, const Context& ctx = inference) const {
    return embedding(weight_(ctx), labels);
  }

  void fields(Fields<T>& v) override { weight_.fields(v, "weight"); }
  const EmbeddingOptions& options() const { return options_; }

 private:
  static const EmbeddingOptions& checked(const EmbeddingOptions& o) {
    check(o.count > 0 && o.features > 0, "Embedding: count ", o.count, ", features ", o.features,
          "; expected both to be set and positive");
    return o;
  }

  EmbeddingOptions options_;
  Weight<T> weight_;
};

}  // namespace agon
