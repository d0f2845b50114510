using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Every room of the catalogue has its exit code.</summary>
public sealed class ExitCodeTests
{
    public static TheoryData<ErrorCode, int> Cases =>
        new()
        {
            { TorchErrors.NativeNotFound, ExitCodes.Failed },
            { HostErrors.MissingDependency, ExitCodes.PluginRefused },
            { RecipeErrors.UnknownKey, ExitCodes.BadRecipe },
            { CoreErrors.ShapesDiffer, ExitCodes.BadRecipe },
            { CoreErrors.ToolArguments, ExitCodes.Failed },
            { CoreErrors.ToolInput, ExitCodes.Damaged },
            { WeightErrors.HeaderInvalid, ExitCodes.Damaged },
            { RunErrors.DiskFull, ExitCodes.Folder },
            { RunErrors.RunLocked, ExitCodes.Folder },
            { RunErrors.CheckpointDamaged, ExitCodes.Damaged },
            { RunErrors.Contradiction, ExitCodes.Damaged },
            { OptimErrors.State, ExitCodes.Damaged },
            { TrainingErrors.NotFinite, ExitCodes.Diverged },
            { TrainingErrors.GradientNotFinite, ExitCodes.Diverged },
            { TrainingErrors.StateNotFinite, ExitCodes.Diverged },
            { TrainingErrors.EvaluationNotFinite, ExitCodes.Diverged },
            { TrainingErrors.OneValue, ExitCodes.BadRecipe },
            { RunErrors.CheckpointNotFinite, ExitCodes.Damaged },
            { RunErrors.FinishedChanged, ExitCodes.Damaged },
            { TrainingErrors.NoGradient, ExitCodes.BadRecipe },
            { PluginErrors.Failed, ExitCodes.Failed },
            { PluginErrors.Memory, ExitCodes.Failed },
            { PluginErrors.NotListed, ExitCodes.BadRecipe },
            { CommandErrors.Usage, ExitCodes.Failed },
        };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_failure_has_the_code_of_its_room(ErrorCode code, int expected) =>
        Assert.Equal(expected, ExitCodes.Of(new KdException(code, "x")));

    [Fact]
    public void Failures_of_files_are_of_the_folder_and_all_else_is_unexpected()
    {
        Assert.Equal(ExitCodes.Folder, ExitCodes.Of(new IOException()));
        Assert.Equal(ExitCodes.Folder, ExitCodes.Of(new UnauthorizedAccessException()));
        Assert.Equal(ExitCodes.Failed, ExitCodes.Of(new InvalidOperationException()));
    }

    [Fact]
    public void The_table_has_every_code_once()
    {
        int[] codes = [0, 1, 2, 3, 4, 5, 6, 130, 143];
        Assert.Equal(codes.Select(c => c.ToString()), ExitCodes.Table.Select(r => r.Code));
    }

    [Fact]
    public void Codes_of_the_command_line_are_in_its_room()
    {
        Assert.All(CommandErrors.All, c => Assert.StartsWith("KDP08", c.Id));
        Assert.Equal(CommandErrors.All.Count, CommandErrors.All.Select(c => c.Id).Distinct().Count());
    }
}
