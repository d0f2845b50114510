using System.Reflection;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public class RunErrorsTests
{
    [Fact]
    public void Every_entry_is_listed_once_under_a_code_of_its_own_with_a_remedy()
    {
        var members = typeof(RunErrors)
            .GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(ErrorCode))
            .Select(property => (ErrorCode)property.GetValue(null)!)
            .ToList();
        Assert.Equal(members.Select(code => code.Id).Order(), RunErrors.All.Select(code => code.Id).Order());
        Assert.Equal(members.Count, members.Select(code => code.Id).Distinct().Count());
        Assert.All(members, code => Assert.Matches("^KDP06[0-9]{2}$", code.Id));
        Assert.All(members, code => Assert.EndsWith(".", code.Remedy));
    }
}
