using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>The option smoothing: gradients stay bounded where a row says nothing.</summary>
public sealed class LossSmoothingTests : IDisposable
{
    private const string Smooth = """{ "smoothing": 0.1 }""";

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Generator _random = new(6, CPU);

    public void Dispose()
    {
        _random.Dispose();
        _scope.Dispose();
    }

    public static TheoryData<string> Ids => ["lskd", "dist", "pkt"];

    // Rows of which the second has no direction: equal logits, an embedding of zeros.
    private Tensor Flat(string id)
    {
        var rows = randn([4, 5], ScalarType.Float64, generator: _random);
        rows[1] = full([5], id == "pkt" ? 0.0 : 3.0, ScalarType.Float64);
        return rows;
    }

    private Tensor Teacher() => randn([4, 5], ScalarType.Float64, generator: _random);

    private static double SteepestAt(string id, Tensor student, Tensor teacher, string options)
    {
        var leaf = student.detach().clone().requires_grad_(true);
        LossUnderTest.Value(id, [leaf], [teacher], options).backward();
        return leaf.grad!.abs().max().item<double>();
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Gradients_agree_with_differences_also_where_a_row_says_nothing(string id)
    {
        var teacher = Teacher();
        foreach (var at in (Tensor[])[Teacher(), Flat(id), zeros([4, 5], ScalarType.Float64)])
        {
            var error = GradientCheck.Error(x => LossUnderTest.Value(id, [x], [teacher], Smooth), at);
            Assert.InRange(error, 0, 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void A_row_that_says_nothing_has_a_bounded_gradient(string id)
    {
        var (student, teacher) = (Flat(id), Teacher());
        Assert.True(SteepestAt(id, student, teacher, "{}") > 1e4);
        Assert.InRange(SteepestAt(id, student, teacher, Smooth), 1e-6, 20);
        Assert.InRange(SteepestAt(id, student, teacher, """{ "smoothing": 0.001 }"""), 1e-6, 2000);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_default_is_as_published_and_little_smoothing_is_near_it(string id)
    {
        var (student, teacher) = (Teacher(), Teacher());
        double Value(string options) => LossUnderTest.Value(id, [student], [teacher], options).item<double>();
        Assert.Equal(Value("{}"), Value("""{ "smoothing": 0 }"""));
        Assert.Equal(Value("{}"), Value("""{ "smoothing": 1e-6 }"""), 1e-5);
        Assert.NotEqual(Value("{}"), Value(Smooth), 1e-5);
    }

    // By hand: rows of one deviation, 1 / sqrt(1 + s^2) of their published size.
    [Fact]
    public void Lskd_divides_by_the_root_of_variance_and_smoothing_squared()
    {
        var (student, teacher) = (Teacher(), Teacher());
        Tensor Shrunk(Tensor rows)
        {
            var centred = rows - rows.mean([1], keepdim: true);
            return centred / (centred.square().sum(1, keepdim: true) / 4 + 0.01).sqrt();
        }
        var expected = LossUnderTest.Value("kd", [Shrunk(student)], [Shrunk(teacher)], """{ "temperature": 2 }""");
        var found = LossUnderTest.Value("lskd", [student], [teacher], Smooth);
        Assert.Equal(expected.item<double>(), found.item<double>(), 1e-12);
    }

    [Fact]
    public void Pkt_divides_by_the_root_of_length_and_smoothing_squared()
    {
        var (student, teacher) = (Teacher(), Teacher());
        Tensor Choices(Tensor rows)
        {
            var directions = rows / (rows.square().sum(1, keepdim: true) + 0.01).sqrt();
            var similar = (directions.mm(directions.t()) + 1) / 2;
            return similar / similar.sum(1, keepdim: true);
        }
        var (q, p) = (Choices(student), Choices(teacher));
        var expected = (p * ((p + 1e-7) / (q + 1e-7)).log()).mean();
        var found = LossUnderTest.Value("pkt", [student], [teacher], Smooth);
        Assert.Equal(expected.item<double>(), found.item<double>(), 1e-12);
    }

    [Fact]
    public void Dist_divides_by_roots_of_lengths_and_smoothing_squared()
    {
        var (student, teacher) = (Teacher(), Teacher());
        double Part(int along)
        {
            Tensor Centred(Tensor z) => z.softmax(1) - z.softmax(1).mean([along], keepdim: true);
            var (a, b) = (Centred(student), Centred(teacher));
            Tensor Length(Tensor x) => (x.square().sum(along) + 0.01).sqrt();
            return 1 - ((a * b).sum(along) / (Length(a) * Length(b))).mean().item<double>();
        }
        var found = LossUnderTest.Value("dist", [student], [teacher], Smooth);
        Assert.Equal(Part(1) + Part(0), found.item<double>(), 1e-12);
    }
}
