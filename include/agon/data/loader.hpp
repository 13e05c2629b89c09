#pragma once

#include <agon/core/rng.hpp>
#include <agon/data/augmentation.hpp>
#include <agon/data/dataset.hpp>
#include <agon/data/pixels.hpp>
#include <agon/tensor/state.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace agon {

/// Images [batch, h, w, c] in [-1, 1] and their labels [batch].
template <Real T>
struct Batch {
  Tensor<T> images;
  Tensor<std::int32_t> labels;
};

struct LoaderOptions {
  std::int64_t batch_size = 0;  ///< required
  bool shuffle = true;          ///< a new order every epoch
  bool drop_last = true;        ///< leave out the last batch of an epoch where it would be smaller
  double translation = 0;       ///< ratio of random_translation, 0 for none
  std::uint64_t seed = 0;
};

/// Hands out a data set in mini-batches, epoch after epoch without end.
///
/// The order of epoch e is a Fisher-Yates shuffle that depends on seed and e alone, and a translation on seed, e and
/// the image's place in it; so (epoch, cursor, seed) is the whole position, and a loader that loads it goes on exactly.
template <Real T>
class Loader {
 public:
  /// Throws ShapeError unless the options fit the data set.
  Loader(ImageDataset dataset, const LoaderOptions& options)
      : dataset_(std::move(dataset)), contents_(dataset_.contents()), options_(options) {
    const auto most = options.drop_last ? dataset_.size() : std::int64_t{1} << 31;
    check<ShapeError>(dataset_.size() > 0, "loader: data set '", dataset_.name, "' is empty");
    check<ShapeError>(options.batch_size >= 1 && options.batch_size <= most, "loader: batch_size ", options.batch_size,
                      " for the ", dataset_.size(), " images of '", dataset_.name, "'; expected 1 to ", most);
    check<ShapeError>(options.translation >= 0 && options.translation < 1, "loader: translation ", options.translation,
                      "; expected at least 0 and below 1");
    order_.resize(static_cast<std::size_t>(dataset_.size()));
    start(0);
  }

  /// The next batch; begins a new epoch where this one has none left.
  Batch<T> next() {
    const auto smallest = options_.drop_last ? options_.batch_size : 1;
    if (dataset_.size() - cursor_ < smallest) start(epoch_ + 1);
    const auto count = std::min(options_.batch_size, dataset_.size() - cursor_);

    auto batch = gather(count);
    if (options_.translation > 0) {
      Rng rng(options_.seed, "data/translation");
      rng.seek(2 * static_cast<std::uint64_t>(epoch_ * dataset_.size() + cursor_));
      batch.images = random_translation(batch.images, options_.translation, T(-1), rng);
    }
    cursor_ += count;
    return batch;
  }

  /// Batches an epoch has.
  std::int64_t batches() const {
    const auto left_over = dataset_.size() % options_.batch_size != 0 && !options_.drop_last;
    return dataset_.size() / options_.batch_size + (left_over ? 1 : 0);
  }

  const ImageDataset& dataset() const { return dataset_; }
  /// Epochs finished, and images of the current one handed out.
  std::int64_t epoch() const { return epoch_; }
  std::int64_t cursor() const { return cursor_; }

  /// The position: "epoch", "cursor" and "seed"; and "name", "size" and "contents" of the data set it belongs to.
  State state() const {
    State state;
    state.set("epoch", epoch_);
    state.set("cursor", cursor_);
    state.set("seed", std::bit_cast<std::int64_t>(options_.seed));
    state.set("name", dataset_.name);
    state.set("size", dataset_.size());
    state.set("contents", std::bit_cast<std::int64_t>(contents_));
    return state;
  }

  /// Goes on where another loader of the same data set was, under whatever name. Throws Error when the position is not
  /// one of this data set.
  void load(const State& state) {
    const auto epoch = state.integer("epoch"), cursor = state.integer("cursor"), size = state.integer("size");
    const auto seed = std::bit_cast<std::uint64_t>(state.integer("seed"));
    check(size == dataset_.size() && std::bit_cast<std::uint64_t>(state.integer("contents")) == contents_,
          "loader: the position belongs to the data set '", state.text("name"), "' of ", size, " images; '",
          dataset_.name, "' has ", dataset_.size(), " and other contents");
    check(cursor >= 0 && cursor <= size, "loader: cursor ", cursor, "; expected 0 to ", size);
    check(epoch >= 0 && epoch <= (std::int64_t{1} << 62) / size, "loader: epoch ", epoch, "; expected 0 to ",
          (std::int64_t{1} << 62) / size);
    options_.seed = seed;
    start(epoch);
    cursor_ = cursor;
  }

 private:
  void start(std::int64_t epoch) {
    epoch_ = epoch;
    cursor_ = 0;
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    if (!options_.shuffle) return;
    Rng rng(options_.seed, "data/shuffle");
    rng.seek(static_cast<std::uint64_t>(epoch * dataset_.size()));
    for (auto i = dataset_.size() - 1; i > 0; --i)
      std::swap(order_[static_cast<std::size_t>(i)], order_[static_cast<std::size_t>(rng.below(i + 1))]);
  }

  Batch<T> gather(std::int64_t count) const {
    const auto& all = dataset_.images;
    const auto pixels = all.numel() / dataset_.size();
    Batch<T> batch{Tensor<T>::uninitialized(all.shape().with(0, count)), Tensor<std::int32_t>::uninitialized({count})};
    T* image = batch.images.mutable_data().data();
    auto label = batch.labels.mutable_data().begin();
    for (auto i = cursor_; i < cursor_ + count; ++i, image += pixels) {
      const auto index = order_[static_cast<std::size_t>(i)];
      std::transform(all.data().data() + index * pixels, all.data().data() + (index + 1) * pixels, image,
                     [&](std::uint8_t x) { return table_[x]; });
      *label++ = dataset_.labels.data()[static_cast<std::size_t>(index)];
    }
    return batch;
  }

  ImageDataset dataset_;
  std::uint64_t contents_;
  LoaderOptions options_;
  std::vector<std::int64_t> order_;
  std::int64_t epoch_ = 0, cursor_ = 0;
  std::array<T, 256> table_ = detail::signed_unit_table<T>();
};

}  // namespace agon
