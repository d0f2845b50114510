using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Weights as training scripts leave them: wrapped, renamed, for other classes; and what is said where they do not fit.</summary>
public sealed class WrappedWeightsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static Sequential Network(long classes = 3) =>
        nn.Sequential(
            ("conv", nn.Conv2d(1, 2, 3)),
            ("bn", nn.BatchNorm2d(2)),
            ("flat", nn.Flatten()),
            ("fc", nn.Linear(8, classes))
        );

    private static Dictionary<string, Tensor> Tensors(nn.Module net, string prefix = "") =>
        ModuleWeights.State(net).ToDictionary(t => prefix + t.Key, t => t.Value);

    private string File(Dictionary<string, Tensor> tensors) =>
        WeightTensors.Save(tensors, _folder["wrapped.safetensors"]).Path;

    private static byte[] Bytes(nn.Module net, string name) =>
        ModuleWeights.State(net)[name].detach().contiguous().bytes.ToArray();

    private static void AssertSame(nn.Module from, nn.Module to, params string[] but)
    {
        foreach (string name in ModuleWeights.State(from).Keys.Except(but))
        {
            Assert.Equal(Bytes(from, name), Bytes(to, name));
        }
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("model.")]
    [InlineData("_orig_mod.")]
    [InlineData("module.model.")]
    [InlineData("state_dict.ema.module.")]
    [InlineData("anything.at.all.")]
    public void What_all_names_begin_with_is_found_and_said(string wrapper)
    {
        Sequential saved = Network(),
            net = Network();
        LoadReport report = ModuleWeights.Load(net, File(Tensors(saved, wrapper)), new() { Unwrap = true });
        Assert.Equal(wrapper, report.Cut);
        Assert.True(report.IsComplete);
        AssertSame(saved, net);
    }

    [Fact]
    public void Nothing_is_cut_that_the_network_has_itself_or_that_nobody_asked_for()
    {
        Sequential saved = nn.Sequential(("module", Network())),
            net = nn.Sequential(("module", Network()));
        Assert.Equal("", ModuleWeights.Load(net, File(Tensors(saved)), new() { Unwrap = true }).Cut);
        Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(Network(), File(Tensors(saved))));
    }

    [Fact]
    public void An_average_of_torch_optim_is_seen_through_with_its_counter()
    {
        Sequential saved = Network(),
            net = Network();
        Dictionary<string, Tensor> tensors = Tensors(saved, "module.");
        tensors["n_averaged"] = tensor(7L);
        LoadReport report = ModuleWeights.Load(net, File(tensors), new() { Unwrap = true });
        Assert.Equal(("module.", 1), (report.Cut, report.Elsewhere));
        AssertSame(saved, net);
    }

    [Fact]
    public void One_part_of_several_needs_its_name_and_the_message_gives_it()
    {
        Sequential student = Network(),
            net = Network();
        Dictionary<string, Tensor> tensors = Tensors(student, "student.");
        tensors["criterion.weight"] = ones(3);
        string path = File(tensors);
        KdException failure = Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(net, path, new() { Unwrap = true })
        );
        Assert.Contains(
            "9 of 10 names begin with 'student.', and 9 fit without it: \"prefix\": \"student.\".",
            failure.Message
        );
        foreach (string prefix in (string[])["student.", "student"])
        {
            LoadReport report = ModuleWeights.Load(net, path, new() { Prefix = prefix });
            Assert.Equal(("student.", 1, true), (report.Cut, report.Elsewhere, report.IsComplete));
        }
        AssertSame(student, net);
    }

    [Theory]
    [InlineData("nested_legacy.pth", null, "state_dict", "module.")]
    [InlineData("nested_legacy.pth", "module", "state_dict", "module.")]
    [InlineData("nested_legacy.pth", "state_dict.module.", "state_dict", "module.")]
    [InlineData("checkpoint.pth", "model", "model", "")]
    [InlineData("checkpoint.pth", null, "model", "")]
    public void Checkpoints_of_PyTorch_are_read_by_part_and_prefix(string file, string? prefix, string part, string cut)
    {
        Sequential net = Network();
        LoadReport report = ModuleWeights.Load(net, Fixture.Path(file), new() { Prefix = prefix, Unwrap = true });
        Assert.Equal((part, cut, true), (report.Part, report.Cut, report.IsComplete));
        Assert.Equal(Fixture.Tensor(file, cut + "conv.weight"), Bytes(net, "conv.weight"));
    }

    [Fact]
    public void An_average_beside_the_model_is_named_and_can_be_chosen()
    {
        byte[] pickle = P.Pickle(
            P.Dict(
                ("model", P.Dict(("w", P.Floats("0", 4)))),
                ("model_ema", P.Dict(("module.w", P.Floats("1", 4)))),
                ("optimizer", P.Dict(("state", P.Dict(("w", P.Floats("0", 4))))))
            )
        );
        byte[] ema = [0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f];
        string path = _folder.Write("both.pth", Zip.Checkpoint(pickle, new byte[16], ema).Build());
        var net = new Vector();
        LoadReport report = ModuleWeights.Load(net, path, new() { Unwrap = true });
        Assert.Equal("model", report.Part);
        Assert.Equal(["model_ema"], report.OtherParts);
        Assert.Equal(0, net.w.sum().item<float>());
        LoadReport chosen = ModuleWeights.Load(net, path, new() { Unwrap = true, Prefix = "model_ema" });
        Assert.Equal(("model_ema", "module."), (chosen.Part, chosen.Cut));
        Assert.Equal(4, net.w.sum().item<float>());
    }

    private sealed class Vector : nn.Module
    {
        public readonly Parameter w = nn.Parameter(zeros(4));

        public Vector()
            : base("vector") => RegisterComponents();
    }

    [Fact]
    public void An_average_alone_is_found_beside_an_optimiser()
    {
        byte[] pickle = P.Pickle(
            P.Dict(
                ("optimizer", P.Dict(("state", P.Dict(("w", P.Floats("0", 4)))))),
                ("state_dict_ema", P.Dict(("w", P.Floats("0", 4))))
            )
        );
        using var file = PyTorchFile.Parse(Zip.Checkpoint(pickle, new byte[16]).Build());
        Assert.Equal("state_dict_ema", file.Root);
        Assert.Empty(file.OtherRoots);
    }

    [Fact]
    public void A_prefix_that_nothing_has_is_refused_with_those_that_there_are()
    {
        KdException failure = Fails.With(
            WeightErrors.RootNotFound,
            () => ModuleWeights.Load(Network(), Fixture.Path("network.pth"), new() { Prefix = "teacher" })
        );
        Assert.Contains("no name begins with 'teacher.'; they begin with 'conv.', 'bn.', 'fc.'", failure.Message);
    }

    [Fact]
    public void Another_number_of_classes_names_its_cure_and_the_cure_keeps_the_drawn_head()
    {
        Sequential saved = Network(classes: 7),
            net = Network();
        byte[] head = Bytes(net, "fc.weight");
        string path = File(Tensors(saved));
        KdException failure = Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(net, path));
        Assert.StartsWith(
            $"KDP0550 '{path}': another number of classes (7 in the file, 3 here): \"head\": \"replace\" loads the rest.\n",
            failure.Message
        );
        LoadReport report = ModuleWeights.Load(net, path, new() { ReplaceHead = 3 });
        Assert.Equal(["fc.bias", "fc.weight"], report.Replaced);
        Assert.Equal((7, true), (report.FileClasses, report.IsComplete));
        Assert.Equal(head, Bytes(net, "fc.weight"));
        AssertSame(saved, net, "fc.weight", "fc.bias");
    }

    [Fact]
    public void A_head_is_new_where_the_file_has_none_and_kept_where_it_fits()
    {
        Sequential saved = Network(),
            net = Network();
        Dictionary<string, Tensor> body = Tensors(saved).Where(t => !t.Key.StartsWith("fc")).ToDictionary();
        LoadReport report = ModuleWeights.Load(net, File(body), new() { ReplaceHead = 3 });
        Assert.Equal(["fc.bias", "fc.weight"], report.Replaced);
        Assert.Equal(0, report.FileClasses);
        Assert.Empty(ModuleWeights.Load(net, File(Tensors(saved)), new() { ReplaceHead = 3 }).Replaced);
        AssertSame(saved, net);
    }

    [Fact]
    public void A_body_that_differs_is_no_head()
    {
        // The bn of 2 channels has as many as there are classes; the file's has 4, its head 7.
        Sequential net = Network(classes: 2);
        Sequential other = nn.Sequential(
            ("conv", nn.Conv2d(1, 2, 3)),
            ("bn", nn.BatchNorm2d(4)),
            ("fc", nn.Linear(8, 7))
        );
        KdException failure = Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(net, File(Tensors(other)), new() { ReplaceHead = 2 })
        );
        Assert.Contains("'bn.weight'", failure.Message);
        // Nor is a layer that is missing beside the head's.
        Dictionary<string, Tensor> less = Tensors(Network(classes: 2))
            .Where(t => !t.Key.StartsWith("fc") && t.Key != "conv.bias")
            .ToDictionary();
        Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(net, File(less), new() { ReplaceHead = 2 }));
    }

    [Fact]
    public void Counters_that_old_files_lack_are_no_fault()
    {
        Sequential saved = Network(),
            net = Network();
        Dictionary<string, Tensor> tensors = Tensors(saved);
        tensors.Remove("bn.num_batches_tracked");
        LoadReport report = ModuleWeights.Load(net, File(tensors));
        Assert.Equal(["bn.num_batches_tracked"], report.Counters);
        Assert.True(report.IsComplete);
    }

    [Fact]
    public void Names_are_mapped_part_by_part_and_by_one_rule_each()
    {
        NameMap map = NameMap.Identity.RenameParts(
            new Dictionary<string, string>
            {
                ["layers.*.attn"] = "blocks.*.attention",
                ["layers.*"] = "blocks.*.other",
                ["stage*.bn"] = "steps.*.norm",
                ["encoder."] = "",
                ["a.**.z"] = "b.**",
            }
        );
        Assert.Equal("blocks.3.attention.weight", map.Apply("layers.3.attn.weight"));
        Assert.Equal("blocks.3.attention", map.Apply("layers.3.attn"));
        Assert.Equal("blocks.3.other.attn2.weight", map.Apply("layers.3.attn2.weight"));
        Assert.Equal("blocks.3.other.inner.attn.weight", map.Apply("layers.3.inner.attn.weight"));
        Assert.Equal("steps.12.norm.bias", map.Apply("stage12.bn.bias"));
        Assert.Equal("stage12.bn2", map.Apply("stage12.bn2"));
        Assert.Equal("fc.weight", map.Apply("encoder.fc.weight"));
        Assert.Equal("b.m.n.w", map.Apply("a.m.n.z.w"));
        Assert.Equal("xlayers.3.attn", map.Apply("xlayers.3.attn"));
        Assert.Equal(
            "body.w",
            NameMap.Identity.RenameParts(new Dictionary<string, string> { ["**"] = "body.**" }).Apply("w")
        );
    }

    [Theory]
    [InlineData("a.*", "b")]
    [InlineData("a", "b.*")]
    [InlineData("a.**", "b.*")]
    [InlineData("", "b")]
    public void Rules_whose_sides_differ_in_stars_are_refused(string from, string to) =>
        Fails.With(
            WeightErrors.NameRuleInvalid,
            () => NameMap.Identity.RenameParts(new Dictionary<string, string> { [from] = to })
        );

    [Fact]
    public void Rules_of_any_length_are_refused_at_once() =>
        Fails.With(
            WeightErrors.NameRuleInvalid,
            () =>
                NameMap.Identity.RenameParts(
                    new Dictionary<string, string> { [new string('*', 100_000)] = new string('*', 100_000) }
                )
        );

    [Fact]
    public void Rules_hold_after_the_prefix_and_may_name_the_wrapper_themselves()
    {
        Sequential saved = nn.Sequential(("convolution", nn.Conv2d(1, 2, 3))),
            net = nn.Sequential(("conv", nn.Conv2d(1, 2, 3)));
        string path = File(Tensors(saved, "module."));
        NameMap Rule(string from) => NameMap.Identity.RenameParts(new Dictionary<string, string> { [from] = "conv" });
        Assert.Equal(
            "module.",
            ModuleWeights.Load(net, path, new() { Unwrap = true, Names = Rule("convolution") }).Cut
        );
        Assert.Equal(
            "",
            ModuleWeights.Load(net, path, new() { Unwrap = true, Names = Rule("module.convolution") }).Cut
        );
        AssertSame(nn.Sequential(("conv", saved)), nn.Sequential(("conv", saved)));
    }

    [Fact]
    public void A_network_that_wraps_what_the_file_has_is_told_so()
    {
        Sequential net = nn.Sequential(("backbone", Network()));
        KdException failure = Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(net, File(Tensors(Network())), new() { Unwrap = true })
        );
        Assert.Contains("\"rename\": { \"**\": \"backbone.**\" }", failure.Message);
        NameMap rule = NameMap.Identity.RenameParts(new Dictionary<string, string> { ["**"] = "backbone.**" });
        Assert.True(ModuleWeights.Load(net, File(Tensors(Network())), new() { Names = rule }).IsComplete);
    }

    [Fact]
    public void Other_names_for_the_same_tensors_are_told_from_another_architecture()
    {
        Sequential net = nn.Sequential(("stem", nn.Conv2d(1, 2, 3)), ("head", nn.Linear(8, 3)));
        Sequential same = nn.Sequential(("conv", nn.Conv2d(1, 2, 3)), ("fc", nn.Linear(8, 3)));
        string Told(nn.Module saved) =>
            Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(net, File(Tensors(saved)))).Message;
        Assert.Contains(
            "under other names (such as 'conv.bias' there, 'stem.bias' here): \"rename\" them.",
            Told(same)
        );
        Assert.Contains("another architecture", Told(nn.Sequential(("fc", nn.Linear(2, 2)))));
    }

    [Fact]
    public void However_much_differs_ten_lines_say_it_and_the_cure_stands_first()
    {
        var names = Enumerable.Range(0, 400).Select(i => $"layer{i:000}").ToArray();
        Dictionary<string, Tensor> tensors = names.ToDictionary(n => $"{n}.gamma", _ => ones(2));
        for (int i = 0; i < 50; i++)
        {
            tensors[$"m{i}.weight"] = ones(3, i + 1);
        }
        nn.Module net = nn.Sequential([
            .. names.Select(n => (n, (nn.Module<Tensor, Tensor>)nn.Linear(1, 1, hasBias: false))),
            .. Enumerable
                .Range(0, 50)
                .Select(i => ($"m{i}", (nn.Module<Tensor, Tensor>)nn.Linear(1, 1, hasBias: false))),
        ]);
        string message = Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(net, File(tensors))).Message;
        Assert.InRange(message.Split('\n').Length, 2, 10);
        Assert.Contains("400 are missing, 400 left over, 50 do not fit", message);
        Assert.Contains("'layer009.weight' and 390 more", message);
        Assert.Contains("does not fit: 46 more", message);
    }

    [Fact]
    public void Hostile_names_cost_little()
    {
        var tensors = new Dictionary<string, Tensor>
        {
            [string.Concat(Enumerable.Repeat("a.", 200_000)) + "w"] = ones(1),
        };
        for (int i = 0; i < 20_000; i++)
        {
            tensors[$"p{i}.q{i}.w"] = ones(1);
        }
        tensors[new string('b', 100_000) + ".conv.weight"] = ones(1);
        string path = File(tensors);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        KdException failure = Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(Network(), path, new() { Unwrap = true })
        );
        Assert.InRange(failure.Message.Length, 1, 10_000);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 60);
    }

    [Theory]
    [InlineData("whole_module.pth", "PickleGlobal", "weights_only=False)")]
    [InlineData("script.pt", "NotAStateDict", "torch.jit.load(\"FILE\"")]
    public void What_is_refused_for_its_code_comes_with_two_lines_of_Python(string file, string code, string load)
    {
        var expected = (ErrorCode)typeof(WeightErrors).GetField(code)!.GetValue(null)!;
        string[] lines = Fails.With(expected, () => WeightFile.Open(Fixture.Path(file))).Message.Split('\n');
        string[] python = [.. lines.Where(line => line.StartsWith("  "))];
        Assert.Equal(2, python.Length);
        Assert.Contains(load, python[0]);
        Assert.Equal("  torch.save(model.state_dict(), \"weights.pth\")", python[1]);
        Assert.Contains("trust", lines[0]);
    }
}
