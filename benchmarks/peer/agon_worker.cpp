// agon's side of race.py: reads commands, one a line, and answers each with one line. torch_worker.py is the other
// side and has the same commands.

#include <agon/gan/average.hpp>
#include <agon/gan/presets.hpp>
#include <agon/gan/training.hpp>
#include <agon/io/safetensors.hpp>
#include <agon/ops/attention.hpp>
#include <agon/optim/adam.hpp>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using agon::Tensor;
using Labels = Tensor<std::int32_t>;

struct Gan {
  agon::Rng init_g{1, "init/G"}, init_d{1, "init/D"}, data{1, "data"};
  agon::Generator<float> g;
  agon::Discriminator<float> d;
  agon::Adam<float> adam_g, adam_d;
  agon::Training<float, agon::Generator<float>, agon::Discriminator<float>> training;
  Tensor<float> images;
  Labels labels;

  Gan(agon::Size size, std::int64_t batch, double r1, double r2)
      : g(agon::generator_preset(size), init_g),
        d(agon::discriminator_preset(size), init_d),
        adam_g(g.parameters(), {.lr = 1e-4, .beta1 = 0, .beta2 = 0.9}),
        adam_d(d.parameters(), {.lr = 4e-4, .beta1 = 0, .beta2 = 0.9}),
        training(g, d, adam_g, adam_d, {.r1 = r1, .r2 = r2}),
        images(agon::uniform<float>({batch, 28, 28, 1}, -1, 1, data)),
        labels(agon::randint<std::int32_t>({batch}, 10, data)) {}

  /// Both networks, and what they make of some input, for the other side to load and compare.
  agon::State state() {
    const agon::NoGrad guard;
    const agon::Context training_statistics{.training = true};
    const auto z = agon::normal<float>({labels.numel(), g.options().latent}, 0, 1, data);
    agon::State state;
    state.insert("G", g.state());
    state.insert("D", d.state());
    state.set("z", z);
    state.set("images", images);
    state.set("labels", labels);
    state.set("made", g.forward(z, labels, training_statistics));
    state.set("logits", d.forward(images, labels));
    return state;
  }
};

struct Attention {
  Tensor<float> q, k, v, upstream;

  Attention(std::int64_t n, std::int64_t length, std::int64_t dk, std::int64_t dv) {
    agon::Rng rng(1, "attention");
    q = agon::normal<float>({n, length, dk}, 0, 1, rng).requires_grad_();
    k = agon::normal<float>({n, length, dk}, 0, 1, rng).requires_grad_();
    v = agon::normal<float>({n, length, dv}, 0, 1, rng).requires_grad_();
    upstream = agon::normal<float>({n, length, dv}, 0, 1, rng);
  }
  void run() const {
    const auto o = agon::scaled_dot_product_attention(q, k, v);
    agon::grad<float>({o}, {q, k, v}, {.grad_outputs = {upstream}});
  }
};

class Worker {
 public:
  std::string answer(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "threads") {
      int threads = 1;
      in >> threads;
      scope_ = std::make_unique<agon::ThreadScope>(threads);
      return "ok";
    }
    if (command == "gan") {
      std::string size;
      std::int64_t batch = 0;
      double r1 = 0, r2 = 0;
      in >> size >> batch >> r1 >> r2;
      gan_ = std::make_unique<Gan>(agon::parse_size(size), batch, r1, r2);
      return "ok";
    }
    if (command == "save") {
      std::string file;
      in >> file;
      agon::io::save_safetensors(file, gan_->state());
      return "ok";
    }
    if (command == "step") return timed(in, [&] { gan_->training.step(gan_->images, gan_->labels); });
    if (command == "attention") {
      std::int64_t n = 0, length = 0, dk = 0, dv = 0;
      in >> n >> length >> dk >> dv;
      attention_ = std::make_unique<Attention>(n, length, dk, dv);
      return "ok";
    }
    if (command == "attend") return timed(in, [&] { attention_->run(); });
    if (command == "sample") return timed(in, [&] { sample(); });
    if (command == "status") return status();
    return "unknown command " + command;
  }

 private:
  /// The milliseconds of as many runs as `in` says.
  template <class Body>
  static std::string timed(std::istringstream& in, const Body& body) {
    using clock = std::chrono::steady_clock;
    int runs = 1;
    in >> runs;
    std::ostringstream out;
    for (int i = 0; i < runs; ++i) {
      const auto start = clock::now();
      body();
      out << (i > 0 ? " " : "") << std::chrono::duration<double, std::milli>(clock::now() - start).count();
    }
    return out.str();
  }

  /// 10,000 images of the generator at hand, 100 at a time.
  void sample() {
    const agon::NoGrad guard;
    agon::Rng rng(3, "sample");
    for (int i = 0; i < 100; ++i) {
      const auto z = agon::normal<float>({100, gan_->g.options().latent}, 0, 1, rng);
      made_ = gan_->g.forward(z, agon::randint<std::int32_t>({100}, 10, rng));
    }
  }

  /// Peak resident memory in kB and minor page faults so far, and resident memory in kB.
  static std::string status() {
    std::ifstream file("/proc/self/status");
    std::string word, peak = "0", resident = "0";
    while (file >> word)
      if (word == "VmHWM:")
        file >> peak;
      else if (word == "VmRSS:")
        file >> resident;
    std::ifstream stat("/proc/self/stat");
    std::string faults;
    for (int field = 0; field < 10; ++field) stat >> faults;
    return peak + " " + faults + " " + resident;
  }

  const agon::FlushDenormals flush_;
  std::unique_ptr<agon::ThreadScope> scope_;
  std::unique_ptr<Gan> gan_;
  std::unique_ptr<Attention> attention_;
  Tensor<float> made_;
};

}  // namespace

int main() {
  Worker worker;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << worker.answer(line) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error " << error.what() << std::endl;
    }
  }
}
