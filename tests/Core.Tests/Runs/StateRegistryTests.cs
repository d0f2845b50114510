using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Runs;

public sealed class StateRegistryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public StateRegistryTests() => _run = RunFolder.Create(_folder["run"], Samples.Recipe);

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    /// <summary>A strategy's state: a trained tensor, a counter, a pool.</summary>
    private sealed class State : IDisposable
    {
        public State(int seed)
        {
            random.manual_seed(seed);
            Images = new Parameter(randn(2, 3, 4, 4));
            IStateRegistry registry = Registry;
            registry.Register("images", Images);
            Rounds = registry.Counter("rounds", 5);
            Bank = registry.Pool("bank", 8);
        }

        public StateRegistry Registry { get; } = New();
        public Parameter Images { get; }
        public ICounter Rounds { get; }
        public IPool Bank { get; }

        public void Dispose()
        {
            Registry.Dispose();
            Images.Dispose();
        }
    }

    [Fact]
    public void Parameters_counters_and_pools_come_back_bit_for_bit()
    {
        using DisposeScope scope = NewDisposeScope();
        using var old = new State(1);
        old.Rounds.Value = long.MaxValue;
        old.Bank.Append(Rows(0, 11)); // beyond the capacity: a ring by now
        Save(old);
        using var fresh = new State(2);
        Load(fresh);
        AssertSameBits(old.Images, fresh.Images);
        Assert.True(fresh.Images.requires_grad);
        Assert.Equal(long.MaxValue, fresh.Rounds.Value);
        Assert.Equal(8, fresh.Bank.Count);
        AssertSameBits(arange(3, 11), fresh.Bank.Read("label", arange(8)));
        fresh.Bank.Append(Rows(11, 2));
        AssertSameBits(arange(5, 13), fresh.Bank.Read("label", arange(8)));
    }

    public static TheoryData<ScalarType> DTypes =>
        [
            ScalarType.Float32,
            ScalarType.Float64,
            ScalarType.Float16,
            ScalarType.BFloat16,
            ScalarType.Int64,
            ScalarType.Int32,
            ScalarType.Int16,
            ScalarType.Int8,
            ScalarType.Byte,
            ScalarType.Bool,
            ScalarType.ComplexFloat32,
        ];

    [Theory]
    [MemberData(nameof(DTypes))]
    public void Tensors_of_every_dtype_and_form_come_back_bit_for_bit(ScalarType dtype)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> Forms(double factor) =>
            new()
            {
                ["matrix"] = (arange(12).reshape(3, 4) * factor).to(dtype),
                ["scalar"] = tensor(factor).to(dtype),
                ["empty"] = empty([0, 3], dtype: dtype),
                ["transposed"] = (arange(12).reshape(3, 4) * factor).to(dtype).t(),
            };
        Dictionary<string, Tensor> saved = Forms(3);
        using var registry = New();
        CheckpointContent content = Samples.Content(1);
        content.Sections["forms"] = saved;
        Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
        using LoadedCheckpoint found = Samples.Load(_run);
        Dictionary<string, Tensor> loaded = Forms(0);
        SavedTensors.Load(found, "forms", loaded);
        Assert.All(saved, pair => AssertSameBits(pair.Value, loaded[pair.Key]));
        Assert.False(loaded["transposed"].is_contiguous());
    }

    [Fact]
    public void Every_float_pattern_survives_nan_payloads_and_negative_zero_included()
    {
        using DisposeScope scope = NewDisposeScope();
        int[] bits = [0, int.MinValue, 0x7fc00001, 0x7f800000, unchecked((int)0xffc12345), 1, 0x007fffff];
        Tensor values = tensor(bits.Select(BitConverter.Int32BitsToSingle).ToArray());
        CheckpointContent content = Samples.Content(1);
        content.Sections["x"] = new Dictionary<string, Tensor> { ["x"] = values };
        Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
        using LoadedCheckpoint found = Samples.Load(_run);
        Tensor loaded = zeros(bits.Length);
        SavedTensors.Load(found, "x", new Dictionary<string, Tensor> { ["x"] = loaded });
        Assert.Equal(bits, loaded.data<float>().ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void A_name_used_twice_is_refused_whatever_it_names()
    {
        using DisposeScope scope = NewDisposeScope();
        IStateRegistry registry = New();
        registry.Counter("name", 0);
        var actions = new Action[]
        {
            () => registry.Counter("name", 0),
            () => registry.Pool("name", 0),
            () => registry.Register("name", nn.Linear(1, 1)),
            () => registry.Register("name", new Parameter(zeros(1))),
        };
        Assert.All(
            actions,
            action => Assert.Contains("'name'", Samples.Fails(RunErrors.StateDuplicate, action).Message)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("a::b")]
    public void A_name_that_cannot_be_told_apart_is_refused(string name)
    {
        IStateRegistry registry = New();
        Samples.Fails(RunErrors.BadName, () => registry.Counter(name, 0));
    }

    [Fact]
    public void Everything_that_does_not_fit_is_listed_and_nothing_is_changed()
    {
        using DisposeScope scope = NewDisposeScope();
        using (var old = New())
        {
            IStateRegistry states = old;
            states.Register("head", new Parameter(zeros(2, 3)));
            states.Register("kept", new Parameter(zeros(2)));
            states.Register("images", new Parameter(zeros(2, 3)));
            states.Register("gone", new Parameter(zeros(1)));
            states.Counter("spent", 1);
            states.Pool("bank", 0).Append(Rows(0, 5));
            Save(old);
        }
        using var registry = New();
        IStateRegistry now = registry;
        var kept = new Parameter(ones(2));
        var images = new Parameter(ones([2, 3], dtype: ScalarType.BFloat16));
        ICounter added = now.Counter("added", 7);
        now.Register("head", new Parameter(zeros(2, 4)));
        now.Register("kept", kept);
        now.Register("images", images);
        now.Register("new", new Parameter(zeros(1)));
        now.Pool("bank", 4);
        KdException failure = Samples.Fails(RunErrors.StateMismatch, () => Load(registry));
        Assert.Contains("'head::value' was saved as F32[2, 3], is F32[2, 4] now", failure.Message);
        Assert.Contains("'images::value' was saved as F32[2, 3], is BF16[2, 3] now", failure.Message);
        Assert.Contains("'new::value' F32[1] is missing", failure.Message);
        Assert.Contains("'gone::value' F32[1] was saved, and nothing takes it", failure.Message);
        Assert.Contains("pool 'bank' was saved with 5 rows, its capacity is 4 now", failure.Message);
        Assert.Contains("counter 'added' is missing", failure.Message);
        Assert.Contains("counter 'spent' was saved, and nothing takes it", failure.Message);
        Assert.DoesNotContain("kept", failure.Message);
        AssertSameBits(ones(2), kept);
        Assert.Equal(7, added.Value);
    }

    [Fact]
    public void A_long_list_of_differences_is_cut_and_counted()
    {
        using DisposeScope scope = NewDisposeScope();
        using var old = New();
        Save(old);
        using var registry = New();
        for (int i = 0; i < 25; i++)
        {
            ((IStateRegistry)registry).Register($"p{i}", new Parameter(zeros(1)));
        }
        KdException failure = Samples.Fails(RunErrors.StateMismatch, () => Load(registry));
        Assert.Contains("and 5 more", failure.Message);
    }

    [Fact]
    public void A_pool_that_was_empty_comes_back_empty_and_takes_rows()
    {
        using DisposeScope scope = NewDisposeScope();
        using var old = new State(1);
        Save(old);
        using var fresh = new State(2);
        fresh.Bank.Append(Rows(0, 3));
        Load(fresh);
        Assert.Equal(0, fresh.Bank.Count);
        fresh.Bank.Append(Rows(0, 2));
        Assert.Equal(2, fresh.Bank.Count);
    }

    [Fact]
    public void A_checkpoint_without_state_is_refused()
    {
        Samples.Save(_run, 1);
        using var registry = New();
        using LoadedCheckpoint found = Samples.Load(_run);
        Samples.Fails(RunErrors.SectionMissing, () => registry.Import(found));
    }

    [Fact]
    public void A_hundred_exports_and_imports_leave_no_tensor_behind()
    {
        using var state = new State(1);
        using (NewDisposeScope())
        {
            state.Bank.Append(Rows(0, 11));
        }
        Save(state);
        Load(state);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int i = 0; i < 100; i++)
        {
            Save(state);
            Load(state);
        }
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static StateRegistry New() => new(CPU, (_, _) => { });

    private void Save(State state) => Save(state.Registry);

    private void Save(StateRegistry registry)
    {
        using DisposeScope scope = NewDisposeScope();
        CheckpointContent content = Samples.Content(1);
        registry.Export(content);
        Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
    }

    private void Load(State state) => Load(state.Registry);

    private void Load(StateRegistry registry)
    {
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        registry.Import(found);
    }

    private static Dictionary<string, Tensor> Rows(long first, int count) =>
        new() { ["feature"] = randn(count, 3), ["label"] = arange(first, first + count) };

    private static void AssertSameBits(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.shape, actual.shape);
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(expected.detach().contiguous().bytes.ToArray(), actual.detach().contiguous().bytes.ToArray());
    }
}
