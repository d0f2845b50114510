using KdPlugins.Host.Tests.Loading;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Probes with wrong input, and of plugins that ask for what only tests have.</summary>
[Collection("commands")]
public sealed class ProbeFaultTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;
    private readonly ProbeFiles _probe;

    public ProbeFaultTests()
    {
        Torch.NativeRuntime.Start();
        _scope = NewDisposeScope();
        _probe = new(_kd, Kd.Plugins);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _kd.Dispose();
    }

    private static Tensor Ones(params long[] shape) => ones(shape, ScalarType.Float64);

    private static Dictionary<string, Tensor> Pair() =>
        new() { ["student.logits"] = Ones(2, 3), ["teacher.logits"] = Ones(2, 3) };

    private static Dictionary<string, Tensor> Input() =>
        new() { ["input"] = Ones(2, 3, 8, 8), ["data.classes"] = tensor(3L) };

    public static TheoryData<string, string, string, string> Wrong =>
        new()
        {
            // plugin, what is done to its input, the code, a part of the message
            { "kd", "+student.logit", "KDP0807", "'student.logits'" },
            { "kd", "+student.features.layer1", "KDP0807", "'student.features.layer1' Float64[2, 3]" },
            { "kd", "+value.mix", "KDP0807", "value.mix" },
            { "kd", "+parameters.fc.weight", "KDP0807", "parameters.fc.weight" },
            { "kd", "+peer.logits", "KDP0807", "peer.logits" },
            { "kd", "-teacher.logits", "KDP0806", "needs a teacher" },
            { "kd", "-student.logits", "KDP0806", "nothing of the student" },
            { "kd", "f32 teacher.logits", "KDP0806", "'teacher.logits' is Float32" },
            { "kd", "int student.logits", "KDP0806", "expected floats" },
            { "kd", "f32+target.labels", "KDP0806", "target.labels" },
            { "kd", "int+indices", "KDP0806", "expected Int64[2]" },
            { "kd", "big+input", "KDP0806", "expected 2 samples" },
            { "cross-entropy", "+teacher.embedding", "KDP0807", "teacher.embedding" },
            { "cifar-resnet", "-input", "KDP0806", "'input'" },
            { "cifar-resnet", "-data.classes", "KDP0806", "'data.classes'" },
            { "cifar-resnet", "+parameters.fc.bias", "KDP0806", "expected Float64[3]" },
            { "cifar-resnet", "+parameters.fc.biass", "KDP0807", "Did you mean 'parameters.fc.bias'" },
            { "cifar-resnet", "+cotangent.embedding", "KDP0806", "cotangent.embedding" },
            { "cutmix", "-input", "KDP0806", "'input'" },
            { "cutmix", "+inputs", "KDP0807", "Did you mean 'input'" },
        };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_does_not_fit_is_named(string id, string change, string code, string part)
    {
        var tensors = id is "kd" or "cross-entropy" ? Pair() : Input();
        if (id is "cutmix" or "cross-entropy")
            tensors["target.labels"] = tensor([0L, 1]);
        if (id == "cross-entropy")
            tensors.Remove("teacher.logits");
        var name = change[(change.IndexOfAny(['+', '-', ' ']) + 1)..];
        if (change[0] == '-')
            tensors.Remove(name);
        else
            tensors[name] = change[..3] switch
            {
                "f32" => ones(2, 3),
                "int" => ones([2, 3], ScalarType.Int64),
                "big" => Ones(3, 1),
                _ => Ones(2, 3),
            };
        var failure = _probe.Call(id, tensors).Failure;
        Assert.Equal(
            (code, ExitCodes.Damaged),
            (failure["code"]!.GetValue<string>(), failure["exitCode"]!.GetValue<int>())
        );
        Assert.Contains(part, failure["message"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("cross-entropy", "target.labels", 3, "'target.labels' has 3 at [1]; expected 0 to 2, of 3 classes")]
    [InlineData("cross-entropy", "target.labels", -1, "'target.labels' has -1 at [1]; expected 0 to 2")]
    [InlineData("cross-entropy", "target.labels", -100, "has -100 at [1]")]
    [InlineData("dkd", "target.labels", 7, "has 7 at [1]; expected 0 to 2, of 3 classes")]
    [InlineData("mixup", "target.labels", 3, "has 3 at [1]; expected 0 to 2, of 3 classes")]
    [InlineData("cut-mix-pick", "target.labels", -2, "has -2 at [1]")]
    public void A_label_that_is_no_class_is_named_with_its_place_and_the_range(
        string id,
        string name,
        long label,
        string part
    )
    {
        var tensors = id is "mixup" or "cut-mix-pick" ? Input() : Pair();
        if (id == "cross-entropy")
            tensors.Remove("teacher.logits");
        tensors[name] = tensor([0L, label]);
        var failure = _probe.Call(id, tensors).Failure;
        Assert.Equal("KDP0806", failure["code"]!.GetValue<string>());
        Assert.Contains(part, failure["message"]!.GetValue<string>());
    }

    [Fact]
    public void Labels_of_pixels_and_tokens_are_looked_at_where_they_count()
    {
        var map = zeros([2, 4, 4], ScalarType.Int64);
        map[0, 1, 2] = 255;
        map[1, 3, 0] = 9;
        var maps = new Dictionary<string, Tensor> { ["student.logits"] = Ones(2, 3, 4, 4), ["target.map"] = map };
        var message = _probe.Call("cross-entropy", maps).Failure["message"]!.GetValue<string>();
        Assert.Contains("'target.map' has 9 at [1, 3, 0]; expected 0 to 2, of 3 classes", message);
        var tokens = new Dictionary<string, Tensor>
        {
            ["student.logits"] = Ones(1, 3, 4),
            ["target.tokens"] = tensor(
                new[,]
                {
                    { 0L, -1, 5 },
                }
            ),
            ["target.token-mask"] = tensor(
                new[,]
                {
                    { true, false, true },
                }
            ),
        };
        message = _probe.Call("cross-entropy", tokens).Failure["message"]!.GetValue<string>();
        Assert.Contains("'target.tokens' has 5 at [0, 2]; expected 0 to 3, of 4 classes", message);
        tokens["target.tokens"] = tensor(
            new[,]
            {
                { 0L, -1, 3 },
            }
        );
        Assert.Equal(Math.Log(4), _probe.Run("cross-entropy", tokens)["loss"].item<double>(), 1e-12);
    }

    [Fact]
    public void What_is_missing_of_a_second_view_is_called_what_it_is()
    {
        string Message(Dictionary<string, Tensor> tensors) =>
            _probe.Call("nt-xent", tensors, "--options", """{ "projector": [3] }""").Failure[
                "message"
            ]!.GetValue<string>();
        var message = Message(new() { ["student.embedding"] = Ones(2, 3) });
        Assert.Contains("'second-view.embedding'", message);
        Assert.DoesNotContain("logits", message);
        message = Message(new() { ["student.embedding"] = Ones(2, 3), ["second-view.logits"] = Ones(2, 3) });
        Assert.Contains("embedding [samples, features] of 'second-view', got none", message);
    }

    [Fact]
    public void Strict_leaves_no_parameter_and_no_buffer_to_the_seed()
    {
        var given = Input();
        string[] options = ["--options", """{ "depth": 8 }""", "--strict"];
        var failure = _probe.Call("cifar-resnet", given, options).Failure;
        Assert.Equal("KDP0806", failure["code"]!.GetValue<string>());
        Assert.Contains("'parameters.fc.bias' Float64[3]", failure["message"]!.GetValue<string>());
        foreach (var (name, value) in _probe.Run("cifar-resnet", given, options[..2]))
            if (name.StartsWith("parameters.") || name.StartsWith("buffers."))
                given[name] = value;
        Assert.Equal(0, _probe.Call("cifar-resnet", given, options).ExitCode);
        given.Remove("buffers.bn1.running_var");
        var message = _probe.Call("cifar-resnet", given, options).Failure["message"]!.GetValue<string>();
        Assert.Contains("leaves out 1 of the", message);
        Assert.Contains("'buffers.bn1.running_var' Float64[16]", message);
        // A plugin without any has nothing to leave out.
        Assert.Equal(0, _probe.Call("kd", Pair(), "--strict").ExitCode);
    }

    [Fact]
    public void Wrong_ids_options_and_files_are_told_apart()
    {
        KdResult Call(string id, params string[] more) => _probe.Call(id, Pair(), more);
        void Fails(int exit, string code, KdResult result) =>
            Assert.Equal((exit, code), (result.ExitCode, result.Failure["code"]!.GetValue<string>()));
        Fails(ExitCodes.Failed, "KDP0808", Call("offline"));
        Fails(ExitCodes.Failed, "KDP0808", Call("kd", "--kind", "model"));
        Fails(ExitCodes.BadRecipe, "KDP0201", Call("kdd"));
        Fails(ExitCodes.BadRecipe, "KDP0206", Call("kd", "--options", """{ "temperature": -1 }"""));
        Fails(ExitCodes.BadRecipe, "KDP0203", Call("kd", "--options", _kd.Write("o.json", """{ "temprature": 1 }""")));
        Fails(ExitCodes.Failed, "KDP0801", Call("kd", "--mode", "sleep"));
        Fails(ExitCodes.Failed, "KDP0801", Call("kd", "--seed", "x"));
        Fails(ExitCodes.Failed, "KDP0801", Kd.Call("probe", "kd", "--plugins", Kd.Plugins, "--json"));
        var input = _probe.Write(Pair());
        Fails(
            ExitCodes.Failed,
            "KDP0801",
            Kd.Call("probe", "kd", "--input", input, "--output", input, "--plugins", Kd.Plugins, "--json")
        );
        var junk = _kd.Write("junk.safetensors", "junk");
        var read = Kd.Call("probe", "kd", "--input", junk, "--plugins", Kd.Plugins, "--json");
        Assert.Equal(ExitCodes.Damaged, read.ExitCode);
        Assert.StartsWith("KDP05", read.Failure["code"]!.GetValue<string>());
        var nowhere = Call("kd", "--output", Path.Combine(input, "out.safetensors"));
        Assert.StartsWith("KDP05", nowhere.Failure["code"]!.GetValue<string>());
    }

    [Fact]
    public void A_plugin_that_fails_is_named_with_what_it_missed()
    {
        using var root = Root();
        var probe = new ProbeFiles(_kd, root.Path);
        var failure = probe.Call("clumsy", new Dictionary<string, Tensor> { ["student.logits"] = Ones(2, 3) }).Failure;
        Assert.Equal("KDP0809", failure["code"]!.GetValue<string>());
        var message = failure["message"]!.GetValue<string>();
        Assert.Contains("loss 'clumsy' failed: NullReferenceException", message);
        Assert.Contains("no student.embedding", message);
        var both = probe.Call("twice", Pair());
        Assert.Equal("KDP0808", both.Failure["code"]!.GetValue<string>());
        Assert.Contains("loss", both.Failure["message"]!.GetValue<string>());
        Assert.Equal(
            0,
            probe
                .Call(
                    "twice",
                    new Dictionary<string, Tensor> { ["input"] = Ones(1, 1, 2, 2) },
                    "--kind",
                    "augmentation"
                )
                .ExitCode
        );
    }

    [Fact]
    public void Parameters_of_a_loss_further_roles_values_progress_and_reports_are_in_the_files()
    {
        using var root = Root();
        var given = new Dictionary<string, Tensor>
        {
            ["student.logits"] = Ones(2, 3),
            ["peer.logits"] = Ones(2, 3) * 2,
            ["parameters.weight"] = Ones(1, 3) * 5,
            ["value.mix"] = tensor(0.5),
            ["progress.step"] = tensor(3L),
            ["progress.total-steps"] = tensor(4L),
        };
        var found = new ProbeFiles(_kd, root.Path).Run("curious", given);
        // sum(student * weight) * mix * fraction + sum(peer)
        Assert.Equal(30 * 0.5 * 0.75 + 12, found["loss"].item<double>(), 1e-12);
        Assert.Equal(12, found["reported.peer"].item<double>(), 1e-12);
        Assert.True(found["grad.parameters.weight"].allclose(Ones(1, 3) * 2 * 0.375));
        Assert.True(found["grad.peer.logits"].allclose(Ones(2, 3)));
        Assert.True(found["parameters.weight"].allclose(Ones(1, 3) * 5));
    }

    [Fact]
    public void Consulted_networks_answer_from_the_file_call_by_call()
    {
        using var root = Root();
        var probe = new ProbeFiles(_kd, root.Path);
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Ones(2, 1, 2, 2),
            ["consult.teacher.logits"] = Ones(2, 3),
            ["consult.teacher.2.logits"] = Ones(2, 3) * 10,
        };
        var found = probe.Run("asking", given);
        // input + mean of the first answer, then + mean of the second.
        Assert.True(found["consulted.teacher.2.input"].allclose(Ones(2, 1, 2, 2) * 2));
        Assert.True(found["input"].allclose(Ones(2, 1, 2, 2) * 12));
        given["consult.teacher.logits"] = Ones(3, 3);
        Assert.Contains("about 2 samples", probe.Call("asking", given).Failure["message"]!.GetValue<string>());
        given.Remove("consult.teacher.logits");
        Assert.Contains("consult.teacher.logits", probe.Call("asking", given).Failure["message"]!.GetValue<string>());
    }

    private static PluginRoot Root() =>
        new PluginRoot().Add(
            "Odd",
            """
            [KdLoss("clumsy")] public sealed class Clumsy : DistillationLoss<NoOptions> {
                public override bool NeedsTeacher => false;
                public override Tensor Compute(ILossContext c) => c.Student.Embedding.sum();
            }
            [KdLoss("twice")] public sealed class Twice : DistillationLoss<NoOptions> {
                public override Tensor Compute(ILossContext c) => c.Student.Logits.sum();
            }
            [KdAugmentation("twice")] public sealed class TwiceToo : Augmentation<NoOptions> {
                public override Batch Apply(Batch batch, IPartContext c) => batch;
            }
            [KdLoss("curious")] public sealed class Curious : DistillationLoss<NoOptions> {
                private TorchSharp.Modules.Linear _layer = null!;
                public override bool NeedsTeacher => false;
                public override void Bind(LossBinding b) => _layer = nn.Linear(b.Shape("student").Classes, 1, hasBias: false);
                public override nn.Module Module => _layer;
                public override Tensor Compute(ILossContext c) {
                    var peer = c.Output("peer").Logits.sum();
                    c.Report("peer", peer);
                    return _layer.call(c.Student.Logits).sum() * c.Value("mix", 1) * c.Progress.Fraction + peer;
                }
            }
            [KdAugmentation("asking")] public sealed class Asking : Augmentation<NoOptions> {
                public override IReadOnlyCollection<string> Consults => ["teacher"];
                public override Batch Apply(Batch batch, IPartContext c) {
                    for (var i = 0; i < 2; i++)
                        batch = batch.WithInput(batch.Input + c.Consult("teacher", batch, []).Logits.mean());
                    return batch;
                }
            }
            """
        );
}
