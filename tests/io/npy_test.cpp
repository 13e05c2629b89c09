#include <agon/io/npy.hpp>

#include "support.hpp"

using namespace agon;
using namespace agon::io;
using Catch::Matchers::ContainsSubstring;

namespace {

template <Element T>
Tensor<T> counting(const Shape& shape) {
  auto tensor = Tensor<T>::uninitialized(shape);
  std::int64_t i = 0;
  for (auto& x : tensor.mutable_data()) x = static_cast<T>(i++ % 3);
  return tensor;
}

Bytes npy(std::string dictionary, std::string_view data = "", std::uint8_t version = 1) {
  dictionary += '\n';
  std::string bytes = std::string(io::detail::npy_magic) + static_cast<char>(version) + '\0';
  io::detail::append_little_endian(bytes, dictionary.size(), version == 1 ? 2 : 4);
  return bytes_of(bytes + dictionary + std::string(data));
}

std::string refusal(const Bytes& bytes) {
  return io_error_of([&] { decode_npy(bytes, "file.npy"); });
}

const std::string head = "{'descr': '|u1', 'fortran_order': False, 'shape': ";

}  // namespace

TEMPLATE_TEST_CASE("npy gives back what was written", "", float, double, std::int32_t, std::int64_t, std::uint8_t,
                   bool) {
  const TemporaryFolder folder;
  for (const auto& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{3, 0, 2}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
    const auto tensor = counting<TestType>(shape);
    save_npy(folder / "a.npy", tensor);
    const auto read = load_npy<TestType>(folder / "a.npy");
    CHECK(read.shape() == shape);
    CHECK(std::ranges::equal(read.data(), tensor.data()));
    CHECK((read_file(folder / "a.npy", 1000).size() - static_cast<std::size_t>(shape.numel()) * sizeof(TestType)) %
              64 ==
          0);
  }
  using Other = std::conditional_t<std::is_same_v<TestType, float>, double, float>;
  CHECK_THAT(io_error_of([&] { load_npy<Other>(folder / "a.npy"); }), ContainsSubstring("another element type"));
}

TEST_CASE("npy as numpy writes it is read") {
  // numpy.save of numpy.array([[1, 2], [3, 4]], '<i4')
  const std::string dictionary = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 2), }";
  const std::string data("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0", 16);
  for (const auto version : {std::uint8_t{1}, std::uint8_t{2}}) {
    const auto any = decode_npy(npy(dictionary + std::string(58, ' '), data, version), "a");
    CHECK(std::get<Tensor<std::int32_t>>(any).to_vector() == std::vector<std::int32_t>{1, 2, 3, 4});
  }
  CHECK(std::get<Tensor<bool>>(
            decode_npy(npy("{\"shape\":(2,),\"descr\":\"|b1\",\"fortran_order\":False}", {"\1\0", 2}), "a"))
            .to_vector() == std::vector<bool>{true, false});
}

TEST_CASE("npy cut off anywhere is refused") {
  const TemporaryFolder folder;
  save_npy(folder / "a", counting<std::int32_t>({2, 3}));
  check_truncations(read_file(folder / "a", 1000), [](ByteView bytes) { decode_npy(bytes, "a"); });
}

TEST_CASE("npy of another size than its header says is refused") {
  CHECK_THAT(refusal(npy(head + "(3,), }", "abcd")), ContainsSubstring("file.npy: has 4 bytes of data; expected 3"));
  // 2^32 * 2^32 is 0 in 64 bits, and a 0 among the sizes must not hide it.
  CHECK_THAT(refusal(npy(head + "(4294967296, 4294967296), }")), ContainsSubstring("has 0 bytes of data"));
  CHECK_THAT(refusal(npy(head + "(4294967296, 4294967296, 0), }")), ContainsSubstring("has 0 bytes of data"));
  CHECK_THAT(refusal(npy(head + "(0, 4611686018427387904, 2), }")), ContainsSubstring("has 0 bytes of data"));
  CHECK_THAT(refusal(npy(head + "(9223372036854775807,), }", "a")), ContainsSubstring("expected 9223372036854775807"));
}

TEST_CASE("npy with a bad header is refused") {
  CHECK_THAT(refusal(bytes_of("not an array")), ContainsSubstring("no npy file"));
  CHECK_THAT(refusal(npy(head + "(3,), }", "abc", 3)), ContainsSubstring("version 3.0"));
  CHECK_THAT(refusal(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "abcd")),
             ContainsSubstring("element type '>f4'"));
  CHECK_THAT(refusal(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "abcd")),
             ContainsSubstring("element type '|O'"));
  CHECK_THAT(refusal(npy("{'descr': '\x1b[31m', 'fortran_order': False, 'shape': (1,), }", "abcd")),
             ContainsSubstring("'?[31m'"));
  CHECK_THAT(refusal(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (1,), }", "a")),
             ContainsSubstring("fortran_order True"));
  CHECK_THAT(refusal(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "\1\2")),
             ContainsSubstring("bool number 1 is stored as 2; expected 0 or 1"));
  for (const std::string shape : {"(-1,)", "(1)", "(1", "1", "(1,,)", "(,)", "(1.5,)", "(1L,)", "()()", "[1]", "None",
                                  "(9223372036854775808,)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", "(+1,)"}) {
    CAPTURE(shape);
    CHECK_THAT(refusal(npy(head + shape + ", }", "a")), ContainsSubstring("npy header has"));
  }
  for (const std::string& whole :
       {std::string(), std::string("{}"), std::string("{"), head + "(1,), ", head + "(1,), } x",
        head + "(1,), 'shape': (1,)}", head + "(1,), 'other': 1}",
        std::string("{'descr': '|u1', 'fortran_order': False}"),
        "{'descr': '" + std::string(100, 'x') + "', 'fortran_order': False, 'shape': ()}", std::string(60000, '('),
        std::string("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"),
        std::string("{'descr': '|u1', 'fortran_order': 0, 'shape': ()}")}) {
    CAPTURE(whole);
    CHECK_THAT(refusal(npy(whole, "a")), ContainsSubstring("npy header has"));
  }
}

TEST_CASE("npy with a header of 4 GB is refused") {
  CHECK_THAT(refusal(bytes_of({"\x93NUMPY\2\0\xff\xff\xff\xff{}", 14})),
             ContainsSubstring("header of 4294967295 bytes; expected at most 65536"));
  CHECK_THAT(refusal(bytes_of({"\x93NUMPY\1\0\xff\xff{}", 12})), ContainsSubstring("ends inside the npy header"));
}

TEST_CASE("npy survives changed bytes") {
  const TemporaryFolder folder;
  save_npy(folder / "a", counting<bool>({2, 3}));
  CHECK(check_changed_bytes(read_file(folder / "a", 1000), [](ByteView bytes) { decode_npy(bytes, "a"); }) > 1000);
}
