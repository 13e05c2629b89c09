#include <agon/data/loader.hpp>
#include <agon/io/mnist.hpp>

#include "pack.hpp"
#include "support.hpp"

#include <cstdlib>

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

namespace {

Bytes image_file(int count, std::uint8_t height = 28) {
  Bytes bytes{0, 0, 8, 3, 0, 0, 0, static_cast<std::uint8_t>(count), 0, 0, 0, height, 0, 0, 0, 28};
  for (int i = 0; i < count * height * 28; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

Bytes label_file(const Bytes& labels) {
  Bytes bytes{0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(labels.size())};
  for (const auto label : labels) bytes.push_back(label);
  return bytes;
}

}  // namespace

TEST_CASE("MNIST is found in every spelling") {
  for (const std::string dash : {"-", "."}) {
    for (const bool packed : {false, true}) {
      const TemporaryFolder folder;
      std::filesystem::create_directory(folder / "digits");
      const auto write = [&](const std::string& name, const Bytes& bytes) {
        write_file(folder / "digits" / (name + (packed ? ".gz" : "")), packed ? pack(bytes) : bytes);
      };
      write("train-images" + dash + "idx3-ubyte", image_file(3));
      write("train-labels" + dash + "idx1-ubyte", label_file({7, 0, 9}));
      write("t10k-images" + dash + "idx3-ubyte", image_file(2));
      write("t10k-labels" + dash + "idx1-ubyte", label_file({1, 2}));
      const auto train = load_mnist(folder / "digits", Split::train);
      CHECK(train.images.shape() == Shape{3, 28, 28, 1});
      CHECK(train.images.at({1, 0, 3, 0}) == (28 * 28 + 3) % 256);
      CHECK(train.labels.to_vector() == std::vector<std::int32_t>{7, 0, 9});
      CHECK(train.classes == 10);
      CHECK(train.name == "digits");
      const auto test = load_mnist((folder / "digits").string() + "/", Split::test);
      CHECK(test.size() == 2);
      CHECK(test.name == "digits");
    }
  }
}

TEST_CASE("MNIST that is missing or does not fit together is refused") {
  const TemporaryFolder folder;
  const auto refusal = [&] { return io_error_of([&] { load_mnist(folder.path(), Split::train); }); };
  CHECK_THAT(io_error_of([&] { load_mnist(folder / "none", Split::test); }), ContainsSubstring("none: no such folder"));
  CHECK_THAT(refusal(),
             ContainsSubstring("train-images-idx3-ubyte") && ContainsSubstring("train-images.idx3-ubyte.gz"));
  const auto images = folder / "train-images-idx3-ubyte", labels = folder / "train-labels-idx1-ubyte";
  write_file(images, image_file(3));
  CHECK_THAT(refusal(), ContainsSubstring("train-labels-idx1-ubyte"));
  write_file(labels, label_file({1, 2}));
  CHECK_THAT(refusal(), ContainsSubstring("labels have shape [2]; expected [3]"));
  write_file(labels, label_file({1, 10, 2}));
  CHECK_THAT(refusal(), ContainsSubstring("label 10; expected 0 to 9"));
  write_file(labels, image_file(3));
  CHECK_THAT(refusal(), ContainsSubstring("labels have shape [3, 28, 28]"));
  write_file(images, image_file(3, 27));
  CHECK_THAT(refusal(), ContainsSubstring("images have shape [3, 27, 28]; expected [n, 28, 28]"));
  write_file(images, label_file({1, 2, 3}));
  CHECK_THAT(refusal(), ContainsSubstring("images have shape [3]"));
  write_file(images, bytes_of("<html>not found</html>"));
  CHECK_THAT(refusal(), ContainsSubstring("a web page"));
}

TEST_CASE("the real MNIST is read") {
  const char* folder = std::getenv("AGON_MNIST_DIR");
  if (folder == nullptr) SKIP("set AGON_MNIST_DIR to the folder with the four files of MNIST");
  const auto test = load_mnist(folder, Split::test);
  CHECK(test.images.shape() == Shape{10000, 28, 28, 1});
  CHECK(std::vector<std::int32_t>(test.labels.data().begin(), test.labels.data().begin() + 8) ==
        std::vector<std::int32_t>{7, 2, 1, 0, 4, 1, 4, 9});
  const auto train = load_mnist(folder, Split::train);
  CHECK(train.images.shape() == Shape{60000, 28, 28, 1});
  std::int64_t sum = 0;
  for (const auto pixel : train.images.data()) sum += pixel;
  CHECK(static_cast<double>(sum) / static_cast<double>(train.images.numel()) == Approx(33.3184).epsilon(1e-5));
  CHECK(Loader<float>(train, {.batch_size = 64}).batches() == 937);
}
