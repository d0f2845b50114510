using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

public class NamedStateTests
{
    public static TheoryData<string> Kinds() => [.. OptimizerZoo.Kinds];

    private static Dictionary<string, Tensor> Copy(NamedState state) =>
        state.Tensors.ToDictionary(e => e.Key, e => e.Value.clone());

    [Theory, MemberData(nameof(Kinds))]
    public void A_run_interrupted_and_resumed_equals_the_uninterrupted_one_bit_for_bit(string kind)
    {
        foreach (var dtype in new[] { ScalarType.Float32, ScalarType.Float64, ScalarType.BFloat16 })
        {
            using var scope = NewDisposeScope();
            using var whole = new Quadratics(dtype);
            using var uninterrupted = OptimizerZoo.Make(kind, whole);
            whole.Train(uninterrupted, 0, 10);

            using var first = new Quadratics(dtype);
            using var before = OptimizerZoo.Make(kind, first);
            first.Train(before, 0, 5);
            using var saved = before.ExportState();
            var file = Copy(saved);

            using var second = new Quadratics(dtype);
            using (no_grad())
                for (var k = 0; k < 3; k++)
                    second.Parameters[k].copy_(first.Parameters[k]);
            using var after = OptimizerZoo.Make(kind, second);
            after.ImportState(NamedState.FromTensors(file));
            second.Train(after, 5, 10);

            for (var k = 0; k < 3; k++)
                Assert.Equal(whole.Values(k), second.Values(k));
            using var expected = uninterrupted.ExportState();
            using var actual = after.ExportState();
            Assert.Equal(expected.Tensors.Keys.Order(), actual.Tensors.Keys.Order());
            foreach (var (name, tensor) in expected.Tensors)
                Assert.True(tensor.equal(actual.Tensors[name]).all().item<bool>(), name);
        }
    }

    [Fact]
    public void Hyper_parameters_come_back_exactly_and_hold_from_the_next_step()
    {
        using var problem = new Quadratics(ScalarType.Float64);
        using var saving = new FusedSgd(problem.Named(0, 1, 2), 0.1, momentum: 0.9, weightDecay: 1e-4);
        var rate = 0.1 * Math.Pow(0.97, 31);
        saving.ParamGroups.Single().LearningRate = rate;
        using var state = saving.ExportState();
        using var loading = new FusedSgd(problem.Named(0, 1, 2), 0.5);
        loading.ImportState(state);
        Assert.Equal(rate, loading.ParamGroups.Single().LearningRate);
        Assert.Equal(0.1, loading.ParamGroups.Single().InitialLearningRate);
        Assert.Equal(0.9, ((SgdGroup)loading.ParamGroups.Single()).Momentum);
        Assert.Equal(1e-4, state.Groups.Single().Options["weight_decay"]);
    }

    [Fact]
    public void Entries_are_named_after_parameter_and_role()
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var adam = OptimizerZoo.Make("adamw", problem);
        problem.Train(adam, 0, 1);
        using var state = adam.ExportState();
        Assert.Equal("adamw", state.Algorithm);
        Assert.Equal(["a", "b"], state.Groups[0].Parameters);
        string[] expected =
        [
            "@optimizer",
            .. new[] { "a", "c" }.SelectMany(n => new[] { $"{n}.exp_avg", $"{n}.exp_avg_sq", $"{n}.step" }),
            "b.step", // no gradient so far
        ];
        Assert.Equal(expected.Order(), state.Tensors.Keys.Order());
        Assert.Equal(1L, state.Tensors["a.step"].item<long>());
        Assert.Equal(0L, state.Tensors["b.step"].item<long>());
        Assert.Equal([3, 4], state.Tensors["a.exp_avg"].shape);
    }

    [Fact]
    public void An_exported_state_is_a_copy_that_outlives_scopes_and_goes_with_its_dispose()
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var sgd = OptimizerZoo.Make("sgd nesterov", problem);
        NamedState state;
        using (NewDisposeScope())
        {
            problem.Train(sgd, 0, 3);
            state = sgd.ExportState();
        }
        var before = state.Tensors["a.momentum_buffer"].data<float>().ToArray();
        problem.Train(sgd, 3, 6);
        Assert.Equal(before, state.Tensors["a.momentum_buffer"].data<float>().ToArray());
        state.Dispose();
        Assert.All(state.Tensors.Values, t => Assert.True(t.IsInvalid));
    }

    public static TheoryData<string, string> Damages() =>
        new()
        {
            { "drop c.exp_avg", "entry 'c.exp_avg' is missing" },
            { "drop a.step", "entry 'a.step' is missing" },
            { "add d.exp_avg", "entry 'd.exp_avg' is unexpected" },
            { "shape a.exp_avg_sq", "entry 'a.exp_avg_sq' is Float32[2, 2], expected Float32[3, 4]" },
            { "dtype a.exp_avg_sq", "entry 'a.exp_avg_sq' is Float64[3, 4], expected Float32[3, 4]" },
            { "shape a.step", "entry 'a.step' is Float32[2, 2], expected a count, Int64[]" },
            { "negative a.step", "entry 'a.step' is Int64[], expected a count, Int64[]" },
            { "drop @optimizer", "has no entry '@optimizer'" },
            { "shape @optimizer", "has an entry '@optimizer' of Float32[2, 2], expected Byte[n]" },
            { "text \"adam\" \"adamw\"", "it was saved by 'adamw', expected 'adam'" },
            { "text \"c\" \"x\"", "parameter 'c' is missing in group 1; parameter 'x' is unexpected in group 1" },
            { "text \"lr\" \"rate\"", "group 0 has no lr; group 0 has an unexpected rate" },
            { "text 0.8 1.5", "in group 0 beta1 is 1.5, but must be from 0 to 1, exclusive" },
            { "text \"amsgrad\":0 \"amsgrad\":1", "in group 0 amsgrad is 1, but must be from 0 to 0" },
            { "text \"maximize\":0 \"maximize\":1", "in group 0 maximize is 1, but must be from 0 to 0" },
            { "text {\"algorithm\" {\"algorithms\"", "cannot be read" },
            { "text ,{ ,null,{", "cannot be read" },
            { "text ,{ ,{},{", "cannot be read" },
        };

    [Theory, MemberData(nameof(Damages))]
    public void A_state_that_does_not_fit_is_refused_by_name_and_changes_nothing(string damage, string message)
    {
        using var scope = NewDisposeScope();
        using var problem = new Quadratics(ScalarType.Float32);
        using var adam = OptimizerZoo.Make("adam", problem);
        problem.Train(adam, 0, 2);
        using var saved = adam.ExportState();
        problem.Train(adam, 2, 4);
        using var before = adam.ExportState();
        var entries = Copy(saved);
        Damage(entries, damage.Split(' '));

        var failure = Assert.Throws<KdException>(() => adam.ImportState(NamedState.FromTensors(entries)));
        Assert.Equal("KDP0650", failure.Code.Id);
        Assert.Contains(message, failure.Message);
        using var after = adam.ExportState();
        foreach (var (name, tensor) in before.Tensors)
            Assert.True(tensor.equal(after.Tensors[name]).all().item<bool>(), name);
    }

    private static void Damage(Dictionary<string, Tensor> entries, string[] words)
    {
        var key = words[1];
        switch (words[0])
        {
            case "drop":
                entries.Remove(key);
                break;
            case "dtype":
                entries[key] = entries[key].to(ScalarType.Float64);
                break;
            case "negative":
                entries[key] = tensor(-1L);
                break;
            case "text":
                var text = System.Text.Encoding.UTF8.GetString(entries["@optimizer"].data<byte>().ToArray());
                Assert.Contains(key, text);
                var changed = System.Text.Encoding.UTF8.GetBytes(text.Replace(key, words[2]));
                entries["@optimizer"] = tensor(changed, ScalarType.Byte);
                break;
            default:
                entries[key] = ones(2, 2);
                break;
        }
    }

    [Fact]
    public void A_state_of_other_groups_is_refused()
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var two = OptimizerZoo.Make("sgd nesterov", problem);
        using var one = new FusedSgd(problem.Named(0, 1, 2), 0.1, momentum: 0.9);
        using var state = two.ExportState();
        var failure = Assert.Throws<KdException>(() => one.ImportState(state));
        Assert.Contains("it has 2 groups, expected 1", failure.Message);
    }

    [Fact]
    public void A_flood_of_complaints_is_cut_short()
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var sgd = new FusedSgd(problem.Named(0), 0.1);
        using var state = sgd.ExportState();
        using var scope = NewDisposeScope();
        var entries = Copy(state);
        for (var i = 0; i < 20; i++)
            entries[$"x{i}"] = ones(1);
        var failure = Assert.Throws<KdException>(() => sgd.ImportState(NamedState.FromTensors(entries)));
        Assert.Contains("entry 'x7' is unexpected; and 12 more", failure.Message);
    }

    [Fact]
    public void TorchSharps_own_state_file_resumes_too()
    {
        using var stream = new MemoryStream();
        using var whole = new Quadratics(ScalarType.Float32);
        using var uninterrupted = OptimizerZoo.Make("adamw", whole);
        whole.Train(uninterrupted, 0, 5);
        using (var writer = new BinaryWriter(stream, System.Text.Encoding.UTF8, leaveOpen: true))
            uninterrupted.save_state_dict(writer);
        using var second = new Quadratics(ScalarType.Float32);
        using (no_grad())
            for (var k = 0; k < 3; k++)
                second.Parameters[k].copy_(whole.Parameters[k]);
        whole.Train(uninterrupted, 5, 10);

        stream.Position = 0;
        using var resumed = OptimizerZoo.Make("adamw", second);
        using (NewDisposeScope())
            resumed.load_state_dict(new BinaryReader(stream));
        second.Train(resumed, 5, 10);
        for (var k = 0; k < 3; k++)
            Assert.Equal(whole.Values(k), second.Values(k));
        Assert.True(resumed.state_dict().State[0].ApproximatelyEquals(uninterrupted.state_dict().State[0]));
    }
}
