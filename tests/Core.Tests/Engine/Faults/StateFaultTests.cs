using KdPlugins.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>State of a strategy is lost nowhere: what would hide other state is refused, and a run frees what it held.</summary>
public sealed class StateFaultTests : FaultRuns
{
    public static IEnumerable<object[]> Pairs =>
        from first in Kinds.Keys
        from second in Kinds.Keys
        select (object[])[first, second];

    private static readonly Dictionary<string, Action<IStateRegistry, string>> Kinds = new()
    {
        ["module"] = (state, name) => state.Register(name, nn.Linear(2, 3)),
        ["parameter"] = (state, name) => state.Register(name, new Parameter(zeros(2))),
        ["counter"] = (state, name) => state.Counter(name, 0),
        ["pool"] = (state, name) => state.Pool(name, 0),
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Two_things_under_one_name_are_refused(string first, string second)
    {
        Now.Plan = context =>
        {
            Kinds[first](context.State, "memory");
            Kinds[second](context.State, "memory");
            return Training(context, Learn);
        };
        Fails(RunErrors.StateDuplicate, "'memory' is registered already", "This was strategy 'faulty'");
    }

    [Fact]
    public void A_module_needs_a_name_as_all_state_does()
    {
        Now.Plan = context =>
        {
            Kinds["module"](context.State, "");
            return Training(context, Learn);
        };
        Fails(RunErrors.BadName);
    }

    [Fact]
    public void Two_modules_under_names_of_their_own_are_both_saved()
    {
        Now.Plan = context =>
        {
            Kinds["module"](context.State, "first");
            Kinds["module"](context.State, "second");
            return Training(context, Learn);
        };
        Run(Recipe());
        using var saved = Checkpoint.Open(Checkpoint.List(Runs.Path("run"))[0].Path);
        Assert.Single(saved.Sections, name => name.Contains("first"));
        Assert.Single(saved.Sections, name => name.Contains("second"));
    }

    [Fact]
    public void A_run_frees_the_state_that_it_held()
    {
        Linear? registered = null;
        Now.Plan = context =>
        {
            registered = nn.Linear(2, 3);
            context.State.Register("kept", registered);
            return Training(context, Learn);
        };
        Run(Recipe());
        Assert.All(registered!.parameters(), p => Assert.True(p.IsInvalid));
    }
}
