using System.Text.Json;
using FsCheck.Xunit;
using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

public class ScheduleTests
{
    private static readonly JsonElement Golden = JsonDocument
        .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optim", "Golden", "schedules.json")))
        .RootElement;

    // The schedules of Golden/schedules.py, in our words.
    private static readonly Dictionary<string, Schedule> Ours = new()
    {
        ["constant"] = Schedule.Constant,
        ["multi-step"] = Schedule.MultiStep([6, 11, 20], 0.2),
        ["exponential"] = Schedule.Exponential(0.9),
        ["staircase"] = Schedule.Exponential(0.5).Every(7),
        ["cosine"] = Schedule.Cosine(),
        ["cosine-min"] = Schedule.Cosine(0.05),
        ["polynomial"] = Schedule.Polynomial(2),
        ["linear-decay"] = Schedule.Polynomial(end: 0.25),
        ["warm-up+constant"] = Schedule.Constant.WarmUp(5, 0.1),
        ["warm-up+multi-step"] = Schedule.MultiStep([6, 11], 0.2).WarmUp(5, 0.1),
        ["warm-up+exponential"] = Schedule.Exponential(0.9).WarmUp(5, 0.1),
        ["warm-up+cosine"] = Schedule.Cosine(0.02).WarmUp(5, 0.1),
        ["warm-up+polynomial"] = Schedule.Polynomial(0.5).WarmUp(5, 0.1),
        ["warm-up*multi-step"] = Schedule.MultiStep([3, 11], 0.2).WarmUp(5, 0.1, overlaps: true),
        ["warm-up*exponential"] = Schedule.Exponential(0.9).WarmUp(5, 0.1, overlaps: true),
        ["one-cycle"] = Schedule.OneCycle(),
        ["one-cycle-linear"] = Schedule.OneCycle(
            new OneCycleSettings
            {
                Linear = true,
                RisingPart = 0.4,
                StartDivisor = 10,
                EndDivisor = 100,
            }
        ),
        ["one-cycle-three-phase"] = Schedule.OneCycle(
            new OneCycleSettings
            {
                ThreePhases = true,
                RisingPart = 0.35,
                MinMomentum = 0.8,
                MaxMomentum = 0.9,
            }
        ),
        ["one-cycle-three-phase-linear"] = Schedule.OneCycle(
            new OneCycleSettings { ThreePhases = true, Linear = true }
        ),
        ["one-cycle-no-momentum"] = Schedule.OneCycle(new OneCycleSettings { CyclesMomentum = false }),
    };

    public static TheoryData<string> Names() => [.. Golden.GetProperty("cases").EnumerateObject().Select(c => c.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Rates_and_momenta_are_PyTorchs(string name)
    {
        var expected = Golden.GetProperty("cases").GetProperty(name);
        var rates = expected.GetProperty("rates").Deserialize<double[]>()!;
        var momenta = expected.GetProperty("momenta").Deserialize<double[]>()!;
        using var p = new Parameter(zeros(1));
        using var sgd = new FusedSgd([("p", p)], Golden.GetProperty("base").GetDouble(), momentum: 0.7);
        var group = (SgdGroup)sgd.ParamGroups.Single();
        foreach (var t in Enumerable.Range(0, rates.Length).Reverse()) // no memory: any order gives the same
        {
            Ours[name].Apply(sgd, t, rates.Length);
            Assert.Equal(rates[t], group.LearningRate, 1e-14);
            Assert.Equal(momenta[t], group.Momentum, 1e-14);
        }
    }

    [Fact]
    public void Beta1_takes_the_place_of_momentum_and_each_group_keeps_its_own_rate()
    {
        using var p = new Parameter(zeros(1));
        using var q = new Parameter(zeros(1));
        using var adam = new FusedAdam([new AdamGroup([("p", p)]), new AdamGroup([("q", q)], learningRate: 0.2)], 0.1);
        Schedule.OneCycle(new OneCycleSettings { RisingPart = 0.5 }).Apply(adam, 49, 100);
        Assert.Equal([0.1, 0.2], adam.ParamGroups.Select(g => g.LearningRate));
        Assert.All(adam.ParamGroups, g => Assert.Equal((0.85, 0.999), ((AdamGroup)g).Betas));
        Schedule.Exponential(0.5).Apply(adam, 1, 100);
        Assert.Equal([0.05, 0.1], adam.ParamGroups.Select(g => g.LearningRate));
    }

    [Fact]
    public void Epochs_are_groups_of_steps()
    {
        var byEpoch = Schedule.MultiStep([2, 3]).Every(10);
        Assert.Equal(1, byEpoch.Multiplier(19, 40));
        Assert.Equal(0.1, byEpoch.Multiplier(20, 40), 15);
        Assert.Equal(0.01, byEpoch.Multiplier(39, 40), 15);
        Assert.Equal(Schedule.Cosine().Multiplier(3, 5), Schedule.Cosine().Every(10).Multiplier(35, 41));
    }

    [Fact]
    public void After_the_last_step_the_last_value_holds()
    {
        Assert.Equal(0.1, Schedule.Cosine(0.1).Multiplier(500, 100), 15);
        Assert.Equal(0.2, Schedule.Polynomial(3, 0.2).Multiplier(500, 100), 15);
        Assert.Equal(1 / 25e4, Schedule.OneCycle().Multiplier(500, 100), 15);
        Assert.Equal(0.95, Schedule.OneCycle().Momentum(500, 100)!.Value, 15);
        Assert.Equal(0.1, Schedule.Cosine(0.1).WarmUp(10).Multiplier(500, 100), 15);
    }

    [Property]
    public void Every_schedule_stays_between_0_and_1_for_any_step(ushort step, ushort total, byte warmUp, byte every)
    {
        foreach (var schedule in Ours.Values)
        {
            var any = schedule.Every(every + 1).WarmUp(warmUp, 0.5, overlaps: step % 2 == 0);
            Assert.InRange(any.Multiplier(step, total + 1), 0, 1 + 1e-12);
            if (any.Momentum(step, total + 1) is { } momentum)
                Assert.InRange(momentum, 0.8 - 1e-12, 0.95 + 1e-12);
        }
    }

    public static TheoryData<string, Func<object>> Broken() =>
        new()
        {
            { "milestone 0 is 0, but must be at least 1", () => Schedule.MultiStep([0, 3]) },
            { "milestone 1 is 3, but must be at least 4", () => Schedule.MultiStep([3, 3]) },
            { "factor is -1, but must be at least 0", () => Schedule.MultiStep([1], -1) },
            { "factor is NaN", () => Schedule.MultiStep([1], double.NaN) },
            { "factor is 1.5, but must be from 0 to 1", () => Schedule.Exponential(1.5) },
            { "smallest multiplier is 2", () => Schedule.Cosine(2) },
            { "power is 0", () => Schedule.Polynomial(0) },
            { "end is -0.5", () => Schedule.Polynomial(end: -0.5) },
            { "warm-up is -1", () => Schedule.Constant.WarmUp(-1) },
            { "start of the warm-up is 2", () => Schedule.Constant.WarmUp(1, 2) },
            { "number of steps per group is 0", () => Schedule.Constant.Every(0) },
            { "rising part is 1.2", () => Schedule.OneCycle(new OneCycleSettings { RisingPart = 1.2 }) },
            {
                "rising part is 0.6, but must be from 0 to 0.5",
                () => Schedule.OneCycle(new OneCycleSettings { RisingPart = 0.6, ThreePhases = true })
            },
            { "start divisor is 0.5", () => Schedule.OneCycle(new OneCycleSettings { StartDivisor = 0.5 }) },
            { "end divisor is 0", () => Schedule.OneCycle(new OneCycleSettings { EndDivisor = 0 }) },
            { "smallest momentum is -1", () => Schedule.OneCycle(new OneCycleSettings { MinMomentum = -1 }) },
            { "largest momentum is 2", () => Schedule.OneCycle(new OneCycleSettings { MaxMomentum = 2 }) },
            { "step is -1", () => Schedule.Constant.Multiplier(-1, 10) },
            { "number of steps is 0", () => Schedule.Constant.Momentum(0, 0)! },
        };

    [Theory, MemberData(nameof(Broken))]
    public void A_value_out_of_range_is_refused_with_its_range(string message, Func<object> make)
    {
        var failure = Assert.Throws<KdException>(make);
        Assert.Equal(OptimErrors.Setting.Id, failure.Code.Id);
        Assert.Contains(message, failure.Message);
    }
}
