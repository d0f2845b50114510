using System.Diagnostics;
using KdPlugins.Core.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class Timing(ITestOutputHelper output)
{
    [Fact]
    public void T()
    {
        var catalog = SamplePlugins.Catalog();
        for (int k = 0; k < 3; k++)
        {
            var s = Stopwatch.StartNew();
            var c = Process.GetCurrentProcess().TotalProcessorTime;
            for (int i = 0; i < 500; i++)
                SampleRecipes.Read(SampleRecipes.Full, catalog);
            output.WriteLine(
                $"full {s.Elapsed.TotalMilliseconds / 500} ms wall, {(Process.GetCurrentProcess().TotalProcessorTime - c).TotalMilliseconds / 500} cpu"
            );
            s.Restart();
            for (int i = 0; i < 500; i++)
            {
                try
                {
                    SampleRecipes.Read(SampleRecipes.Full, catalog, "losses[1].id=x");
                }
                catch (RecipeException) { }
            }
            output.WriteLine($"bad {s.Elapsed.TotalMilliseconds / 500} ms");
            s.Restart();
            for (int i = 0; i < 500; i++)
                OptionsBinder.Bind(typeof(SampleKdOptions), "{\"temperature\":3}", "x");
            output.WriteLine($"bind {s.Elapsed.TotalMilliseconds / 500} ms");
            var o = new SampleKdOptions();
            s.Restart();
            for (int i = 0; i < 500; i++)
                OptionsBinder.ToJson(o);
            output.WriteLine($"write {s.Elapsed.TotalMilliseconds / 500} ms");
        }
    }
}
