using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Weights in and out of TorchSharp modules.</summary>
public sealed class ModuleWeightsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    /// <summary>The network of Fixtures/make.py.</summary>
    private static Sequential Network(long classes = 3) =>
        nn.Sequential(
            ("conv", nn.Conv2d(1, 2, 3)),
            ("bn", nn.BatchNorm2d(2)),
            ("flat", nn.Flatten()),
            ("fc", nn.Linear(8, classes))
        );

    private static void AssertHoldsFixture(nn.Module module, string file, string prefix = "")
    {
        foreach ((string name, Tensor tensor) in module.state_dict())
        {
            byte[] bytes = tensor.detach().contiguous().bytes.ToArray();
            Assert.Equal(Fixture.Tensor(file, prefix + name), bytes);
        }
    }

    [Fact]
    public void A_state_dict_of_PyTorch_fills_the_same_network_bit_for_bit()
    {
        Sequential net = Network();
        LoadReport report = ModuleWeights.Load(net, Fixture.Path("network.pth"));
        Assert.True(report.IsComplete);
        Assert.Empty(report.Converted);
        Assert.Equal(
            [
                "bn.bias",
                "bn.num_batches_tracked",
                "bn.running_mean",
                "bn.running_var",
                "bn.weight",
                "conv.bias",
                "conv.weight",
                "fc.bias",
                "fc.weight",
            ],
            report.Loaded
        );
        AssertHoldsFixture(net, "network.pth");
        Assert.True(net.parameters().All(p => p.requires_grad));
    }

    [Fact]
    public void A_prefix_of_DataParallel_is_cut_when_asked()
    {
        Sequential net = Network();
        ModuleWeights.Load(
            net,
            Fixture.Path("nested_legacy.pth"),
            new() { Names = NameMap.Identity.StripPrefix("module.") }
        );
        AssertHoldsFixture(net, "nested_legacy.pth", "module.");
    }

    [Fact]
    public void Strict_loading_lists_every_difference_at_once_and_changes_nothing()
    {
        Sequential net = nn.Sequential(
            ("conv", nn.Conv2d(1, 2, 3)),
            ("fc", nn.Linear(8, 10)),
            ("head", nn.Linear(10, 2))
        );
        string before = ModuleWeights.Save(net, _folder["before"]).Sha256;
        KdException failure = Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(net, Fixture.Path("network.pth"))
        );
        Assert.Contains("missing: 'head.bias', 'head.weight'\n", failure.Message);
        Assert.Contains("left over: 'bn.bias', 'bn.num_batches_tracked', 'bn.running_mean'", failure.Message);
        Assert.Contains("does not fit: 'fc.weight': file F32 [3, 8], module Float32 [10, 8]", failure.Message);
        Assert.Contains("does not fit: 'fc.bias': file F32 [3], module Float32 [10]", failure.Message);
        Assert.EndsWith("Nothing was loaded.", failure.Message);
        Assert.Equal(before, ModuleWeights.Save(net, _folder["after"]).Sha256);
    }

    [Fact]
    public void Loading_what_fits_reports_the_rest()
    {
        Sequential net = Network(classes: 10);
        LoadReport report = ModuleWeights.Load(net, Fixture.Path("network.pth"), new() { Strict = false });
        Assert.Equal(["fc.bias", "fc.weight"], report.Mismatched.Select(m => m.Name));
        Assert.Equal([3, 8], report.Mismatched[1].FileShape);
        Assert.Equal([10, 8], report.Mismatched[1].ModuleShape);
        Assert.Equal(7, report.Loaded.Count);
        Assert.Equal(
            Fixture.Tensor("network.pth", "conv.weight"),
            net.state_dict()["conv.weight"].detach().bytes.ToArray()
        );
    }

    [Fact]
    public void Floating_point_is_converted_by_default_and_refused_on_request()
    {
        Sequential net = nn.Sequential(("fc", nn.Linear(2, 2, hasBias: false)));
        string path = _folder["half.safetensors"];
        using Tensor half = tensor(new[] { 1f, 2f, 3f, 65504f }).reshape(2, 2).to(ScalarType.Float16);
        WeightTensors.Save(new Dictionary<string, Tensor> { ["fc.weight"] = half }, path);
        LoadReport report = ModuleWeights.Load(net, path);
        Assert.Equal(
            new WeightConversion("fc.weight", WeightDType.F16, ScalarType.Float32),
            Assert.Single(report.Converted)
        );
        Assert.Equal([1f, 2f, 3f, 65504f], net.state_dict()["fc.weight"].data<float>().ToArray());
        Assert.Equal(ScalarType.Float32, net.state_dict()["fc.weight"].dtype);
        Fails.With(
            WeightErrors.LoadMismatch,
            () => ModuleWeights.Load(net, path, new() { Conversion = DTypeConversion.None })
        );
    }

    [Fact]
    public void Integers_become_floating_point_only_when_any_conversion_is_allowed()
    {
        Sequential net = nn.Sequential(("fc", nn.Linear(2, 1, hasBias: false)));
        string path = _folder["int.safetensors"];
        WeightTensors.Save(
            new Dictionary<string, Tensor> { ["fc.weight"] = tensor(new[] { 3L, -4L }).reshape(1, 2) },
            path
        );
        Fails.With(WeightErrors.LoadMismatch, () => ModuleWeights.Load(net, path));
        ModuleWeights.Load(net, path, new() { Conversion = DTypeConversion.Any });
        Assert.Equal([3f, -4f], net.state_dict()["fc.weight"].data<float>().ToArray());
    }

    [Fact]
    public void What_is_saved_loads_into_another_module_bit_for_bit()
    {
        Sequential first = Network();
        first.forward(randn(4, 1, 4, 4)).Dispose(); // moves the running statistics and the batch counter
        WrittenFile written = ModuleWeights.Save(first, _folder["net.safetensors"]);
        Sequential second = Network();
        ModuleWeights.Load(second, written.Path);
        Dictionary<string, Tensor> expected = first.state_dict();
        foreach ((string name, Tensor tensor) in second.state_dict())
        {
            Assert.Equal(expected[name].detach().bytes.ToArray(), tensor.detach().bytes.ToArray());
        }
        Assert.Equal(1, second.state_dict()["bn.num_batches_tracked"].item<long>());
    }

    [Fact]
    public void A_saved_module_has_the_names_dtypes_and_metadata_of_PyTorch()
    {
        using var file = SafeTensorsFile.Open(ModuleWeights.Save(Network(), _folder["net.safetensors"]).Path);
        var expected = Fixture.Expected.GetProperty("network.pth").GetProperty("tensors").EnumerateObject();
        Assert.Equal(
            expected.Select(t => (t.Name, t.Value.GetProperty("dtype").GetString()!)).Order(),
            file.Entries.Values.Select(e => (e.Name, e.DType.FormatName())).Order()
        );
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Fact]
    public void Buffers_that_are_not_persistent_stay_out_of_the_file()
    {
        var net = new WithBuffers();
        using var file = SafeTensorsFile.Open(ModuleWeights.Save(net, _folder["net.safetensors"]).Path);
        Assert.Equal(["kept"], file.Entries.Keys);
    }

    private sealed class WithBuffers : nn.Module<Tensor, Tensor>
    {
        public WithBuffers()
            : base("WithBuffers")
        {
            register_buffer("kept", zeros(2));
            register_buffer("scratch", zeros(2), persistent: false);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => input;
    }

    [Fact]
    public void Views_and_memory_layouts_are_written_in_row_major_order()
    {
        Tensor image = arange(16, ScalarType.Float32).reshape(1, 2, 2, 4);
        Tensor channelsLast = image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        Assert.False(channelsLast.is_contiguous());
        Tensor matrix = arange(6, ScalarType.Int16).reshape(2, 3);
        var tensors = new Dictionary<string, Tensor>
        {
            ["image"] = channelsLast,
            ["matrix"] = matrix,
            ["transposed"] = matrix.t(),
            ["row"] = matrix[1],
            ["expanded"] = tensor(2.5f).expand(3),
            ["conjugated"] = tensor(new[] { new System.Numerics.Complex(1, 2) }).to(ScalarType.ComplexFloat32).conj(),
            ["needs grad"] = ones(2, requires_grad: true),
        };
        using var file = SafeTensorsFile.Open(WeightTensors.Save(tensors, _folder["views.safetensors"]).Path);
        float[] Floats(string name) =>
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(file.Bytes(name)).ToArray();
        Assert.Equal(Enumerable.Range(0, 16).Select(i => (float)i), Floats("image"));
        Assert.Equal([2.5f, 2.5f, 2.5f], Floats("expanded"));
        Assert.Equal([1f, -2f], Floats("conjugated"));
        Assert.Equal(
            [0, 3, 1, 4, 2, 5],
            file.Bytes("transposed").ToArray().Where((_, i) => i % 2 == 0).Select(b => (int)b)
        );
        Assert.Equal([3, 4, 5], file.Bytes("row").ToArray().Where((_, i) => i % 2 == 0).Select(b => (int)b));
        Assert.Equal([1f, 1f], Floats("needs grad"));
    }

    [Fact]
    public void Every_dtype_of_TorchSharp_survives_a_file()
    {
        using IWeightSource source = WeightFile.Open(Fixture.Path("dtypes.pth"));
        Dictionary<string, Tensor> tensors = source.ToTensors();
        using var file = SafeTensorsFile.Open(WeightTensors.Save(tensors, _folder["copy.safetensors"]).Path);
        Fixture.AssertHolds("dtypes.pth", file);
    }

    [Fact]
    public void A_channels_last_parameter_keeps_its_layout_when_loaded()
    {
        Sequential net = nn.Sequential(("conv", nn.Conv2d(3, 4, 2, bias: false)));
        Tensor weight = net.state_dict()["conv.weight"];
        string path = ModuleWeights.Save(net, _folder["a"]).Path;
        byte[] bytes = weight.detach().bytes.ToArray();
        using (no_grad())
        {
            weight.set_(weight.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2));
            weight.zero_();
        }
        long[] strides = weight.stride();
        ModuleWeights.Load(net, path);
        Assert.Equal(strides, weight.stride());
        Assert.Equal(bytes, weight.detach().contiguous().bytes.ToArray());
    }

    [Fact]
    public void Saving_over_the_file_that_is_being_read_is_safe()
    {
        Sequential net = Network();
        string path = _folder["net.safetensors"];
        ModuleWeights.Save(net, path);
        byte[] before = File.ReadAllBytes(path);
        using (var open = SafeTensorsFile.Open(path))
        {
            using (no_grad())
            {
                net.state_dict()["conv.bias"].fill_(7);
            }
            ModuleWeights.Save(net, path);
            WeightEntry entry = open.Entries["conv.bias"];
            Assert.Equal(
                before.AsSpan((int)entry.Start, (int)entry.ByteLength).ToArray(),
                open.Bytes("conv.bias").ToArray()
            );
        }
        using var again = SafeTensorsFile.Open(path);
        Assert.Equal([7f, 7f], again.ToTensor("conv.bias").data<float>().ToArray());
    }

    [Fact]
    public void A_file_can_be_rewritten_from_its_own_mapped_bytes()
    {
        string path = _folder.Write("self.safetensors", Fixture.Bytes("dtypes.safetensors"));
        using (var open = SafeTensorsFile.Open(path))
        {
            SafeTensorsWriter.Write(
                path,
                open.Entries.Values.Select(e => new WeightData(
                    e.Name,
                    e.DType,
                    e.Shape,
                    s => s.Write(open.Bytes(e.Name))
                )),
                open.Metadata
            );
        }
        Assert.Equal(Fixture.Bytes("dtypes.safetensors"), File.ReadAllBytes(path));
    }

    [Fact]
    public void NaN_and_infinity_are_values_unless_refused()
    {
        Sequential net = nn.Sequential(("fc", nn.Linear(2, 1, hasBias: false)));
        string path = _folder["nan.safetensors"];
        WeightTensors.Save(
            new Dictionary<string, Tensor> { ["fc.weight"] = tensor(new[] { float.NaN, 1f }).reshape(1, 2) },
            path
        );
        KdException failure = Fails.With(
            WeightErrors.NonFinite,
            () => ModuleWeights.Load(net, path, new() { RefuseNonFinite = true })
        );
        Assert.Contains("in 1 of its tensors: 'fc.weight' (1 of 2 values). Nothing was loaded.", failure.Message);
        Assert.False(float.IsNaN(net.state_dict()["fc.weight"].data<float>()[0]));
        ModuleWeights.Load(net, path);
        Assert.True(float.IsNaN(net.state_dict()["fc.weight"].data<float>()[0]));
    }

    [Fact]
    public void Booleans_other_than_0_and_1_are_refused()
    {
        byte[] file = Attack.SafeTensors("""{"b":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}""", [1, 2]);
        using var source = SafeTensorsFile.Parse(file);
        Fails.With(WeightErrors.BoolInvalid, () => source.ToTensor("b"));
    }

    [Fact]
    public void A_dtype_that_TorchSharp_lacks_is_read_as_bytes_and_refused_as_a_tensor()
    {
        byte[] file = Attack.SafeTensors("""{"q":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}""", [1, 2, 3]);
        using var source = SafeTensorsFile.Parse(file);
        Assert.Equal([1, 2, 3], source.Bytes("q").ToArray());
        Fails.With(WeightErrors.DTypeUnsupported, () => source.ToTensor("q"));
    }

    [Fact]
    public void Tied_parameters_are_written_under_every_name()
    {
        Linear shared = nn.Linear(2, 2, hasBias: false);
        Sequential net = nn.Sequential(("a", shared), ("b", shared));
        using var file = SafeTensorsFile.Open(ModuleWeights.Save(net, _folder["tied"]).Path);
        Assert.Equal(["a.weight", "b.weight"], file.Entries.Keys);
        Assert.Equal(file.Bytes("a.weight").ToArray(), file.Bytes("b.weight").ToArray());
        Assert.True(ModuleWeights.Load(net, file).IsComplete);
    }

    [Fact]
    public void What_the_format_lacks_is_refused_before_anything_is_written()
    {
        string path = _folder.Write("kept", [1, 2, 3]);
        var complex = new Dictionary<string, Tensor> { ["c"] = zeros(1, ScalarType.ComplexFloat64) };
        Fails.With(WeightErrors.WriteInvalid, () => WeightTensors.Save(complex, path));
        var sparse = new Dictionary<string, Tensor> { ["s"] = eye(2).to_sparse() };
        Fails.With(WeightErrors.WriteInvalid, () => WeightTensors.Save(sparse, path));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
    }

    [Fact]
    public void Loading_leaves_no_tensor_behind()
    {
        Sequential net = Network();
        using IWeightSource source = WeightFile.Open(Fixture.Path("network.pth"));
        ModuleWeights.Load(net, source);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int i = 0; i < 10; i++)
        {
            ModuleWeights.Load(net, source);
            ModuleWeights.Save(net, _folder["again"]);
        }
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
